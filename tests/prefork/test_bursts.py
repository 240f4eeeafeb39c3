"""Many deaths: 1,000 kills at random ranks, in bursts."""

import os
import random
import signal
from pathlib import Path

from hosting import hosting, make_life, my_children, my_descriptors, work_on

from sermod import ChildReady, Prefork, RestartPolicy

KILLS = 1000
RANKS = range(1, 9)


def memory() -> int:
    """Return how many pages of this process are its own."""
    resident, shared = map(int, Path("/proc/self/statm").read_text(encoding="ascii").split()[1:3])
    return resident - shared


def test_a_thousand_kills():
    """Always the same ranks once it settles, no zombie, no descriptor more than before, and no memory either."""

    def host_of(tell):
        def settle():
            """Poll until every child that should be there is ready."""
            while any(pid not in ready for pid in server.children.values()) or len(server.children) < len(RANKS):
                ready.update(event.pid for event in server.poll(None) if isinstance(event, ChildReady))
            ready.intersection_update(server.children.values())
            assert set(RANKS) == server.children.keys()
            assert set(server.children.values()) == my_children()
            return len(my_descriptors()), memory()

        chance = random.Random(1000)  # noqa: S311 - the same kills each time
        ready, killed, found = set(), 0, []
        with Prefork(make_life("a", "b", "c"), work_on, RANKS, restart=RestartPolicy(10 * KILLS, 3600)) as server:
            while killed < KILLS:
                found.append(settle())
                burst = chance.choices(RANKS, k=chance.randint(1, 20))
                for rank in burst:
                    # Some are killed while they begin, and some twice, before the main process could notice.
                    os.kill(server.children[rank], signal.SIGKILL)
                    if chance.random() < 0.3:
                        ready.update(event.pid for event in server.poll() if isinstance(event, ChildReady))
                killed += len(burst)
            found.append(settle())
        return found

    with hosting(host_of) as host:
        descriptors, pages = zip(*host.value(), strict=True)
    assert 1 == len(set(descriptors))
    early = pages[len(pages) // 5]
    assert pages[-1] - early < early // 10

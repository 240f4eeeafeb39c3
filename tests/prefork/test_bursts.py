"""Many deaths: 1,000 children that are killed, at random ranks, in bursts."""

import logging
import os
import random
import signal
from pathlib import Path

from hosting import hosting, make_life, my_children, my_descriptors, work_on

from sermod import ChildExited, ChildReady, Prefork, RestartPolicy

KILLS = 1000
RANKS = range(1, 9)


def memory() -> int:
    """Return how many pages of this process are its own."""
    resident, shared = map(int, Path("/proc/self/statm").read_text(encoding="ascii").split()[1:3])
    return resident - shared


def test_a_thousand_kills():
    """Always the same ranks once it settles, no zombie, no descriptor more than before, and no memory either."""

    def host_of(tell):
        def hear(events):
            for event in events:
                if isinstance(event, ChildReady):
                    ready.add(event.pid)
                elif isinstance(event, ChildExited):
                    killed.remove(event.pid)
                    ready.discard(event.pid)
                    dead.append(event.rank)

        def settle():
            """Poll until nobody is left of those that were killed, and the others are ready."""
            while killed or len(ready) < len(RANKS):
                hear(server.poll(None))
            assert set(RANKS) == server.children.keys()
            assert ready == {*server.children.values()} == my_children()
            return len(my_descriptors()), memory()

        logging.getLogger("sermod").disabled = True  # pytest keeps what is logged
        chance = random.Random(1000)  # noqa: S311 - the same kills each time
        ready, killed, dead, found = set(), set(), [], []
        with Prefork(make_life("a", "b", "c"), work_on, RANKS, restart=RestartPolicy(10 * KILLS, 3600)) as server:
            while len(dead) < KILLS:
                found.append(settle())
                for rank in chance.choices(RANKS, k=chance.randint(1, 20)):
                    # Some are killed while they begin, and some twice, before the main process could notice.
                    killed.add(server.children[rank])
                    os.kill(server.children[rank], signal.SIGKILL)
                    if chance.random() < 0.3:
                        hear(server.poll())
            found.append(settle())
        assert set(RANKS) == set(dead)
        return found

    with hosting(host_of) as host:
        descriptors, pages = zip(*host.value(), strict=True)
    assert 1 == len(set(descriptors))
    assert pages[-1] - pages[len(pages) // 5] < 32  # a hundred bytes that each death left behind would be more

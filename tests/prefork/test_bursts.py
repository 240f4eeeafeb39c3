"""Many deaths: 1,000 children that are killed, at random ranks, in bursts."""

import gc
import logging
import os
import random
import signal
import sys
from pathlib import Path

import pytest
from hosting import hosting, make_life, my_children, my_descriptors, work_on

from sermod import ChildExited, ChildReady, Prefork, RestartPolicy

KILLS = 1000
RANKS = range(1, 9)


def memory() -> tuple[int, int]:
    """Return how many objects there are, or rather blocks of memory for them, and how many pages are this process's."""
    gc.collect()
    resident, shared = map(int, Path("/proc/self/statm").read_text(encoding="ascii").split()[1:3])
    return sys.getallocatedblocks(), resident - shared


@pytest.mark.slow
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
            descriptors.add(len(my_descriptors()))

        logging.getLogger("sermod").disabled = True  # pytest keeps what is logged
        chance = random.Random(1000)  # noqa: S311 - the same kills each time
        ready, killed, dead, descriptors, early = set(), set(), [], set(), None
        # The policy forgets in time, so that the memory for what it remembers does not grow either.
        with Prefork(make_life("a", "b", "c"), work_on, RANKS, restart=RestartPolicy(KILLS, 0.1)) as server:
            while len(dead) < KILLS:
                settle()
                if early is None and len(dead) > KILLS // 5:
                    early = memory()
                for rank in chance.choices(RANKS, k=chance.randint(1, 20)):
                    # Some are killed while they begin, and some twice, before the main process could notice.
                    killed.add(server.children[rank])
                    os.kill(server.children[rank], signal.SIGKILL)
                    if chance.random() < 0.3:
                        hear(server.poll())
            settle()
            late = memory()
        assert set(RANKS) == set(dead)
        assert 1 == len(descriptors)
        return [after - before for before, after in zip(early, late, strict=True)]

    with hosting(host_of) as host:
        blocks, pages = host.value()
    assert blocks < KILLS // 2  # one for each death would be 800; what Python itself keeps comes and goes
    assert pages < 600  # an allocator takes a megabyte now and then

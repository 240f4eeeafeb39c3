"""Servers that are started, stopped, signalled, and whose children are killed, in random order, against a model."""

from __future__ import annotations

import contextlib
import os
import signal

from hosting import children_of, hosting, make_life, work_on
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sermod import ChildDiedError, ChildExited, ChildStarted, GivingUp, Prefork, RestartPolicy, Stopped

WAYS_TO_DIE = {signal.SIGKILL: (None, "SIGKILL"), signal.SIGHUP: (None, "SIGHUP"), signal.SIGUSR1: (9, None)}
WAYS_TO_STOP = {signal.SIGTERM: signal.SIGTERM, signal.SIGINT: signal.SIGINT, signal.SIGUSR2: None}


def host_of(ranks, allowed):
    """Return the function of a host that serves until it is stopped, or too many children have died."""

    def host(tell):
        def worker(rank):
            signal.signal(signal.SIGUSR1, lambda *_: os._exit(9))
            tell((rank, os.getpid()))
            work_on(rank)

        # A second signal may come when all is over, and the handlers of the host are back: they are to survive it.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        life = make_life("a", "b", destroy_f=lambda name: tell([name, os.getpid()]))
        restart = None if allowed is None else RestartPolicy(allowed, 3600)
        server = Prefork(life, worker, ranks, restart=restart, on_event=tell)
        signal.signal(signal.SIGUSR2, lambda *_: server.stop(wait=False))
        return server.serve()

    return host


class Servers(RuleBasedStateMachine):
    """The model: which children there are, and how many deaths are left until the server gives up."""

    def __init__(self):
        super().__init__()
        self.host = None
        self.left = contextlib.ExitStack()

    def teardown(self):
        try:
            if self.serves:
                self.stop(signal.SIGTERM, 1)
        finally:
            self.left.close()

    @property
    def serves(self):
        return self.host is not None

    @precondition(lambda self: not self.serves)
    @rule(
        ranks=st.lists(st.integers(-3, 5).filter(bool), min_size=1, max_size=4, unique=True),
        allowed=st.sampled_from([None, 1, 3, 100]),
    )
    def start(self, ranks, allowed):
        self.host = self.left.enter_context(hosting(host_of(ranks, allowed)))
        self.ranks, self.allowed, self.deaths = ranks, allowed or 0, 0
        self.pids = dict(self.host.all_of(tuple, len(ranks)))

    @precondition(lambda self: self.serves)
    @rule(number=st.sampled_from([*WAYS_TO_DIE]), data=st.data())
    def kill(self, number, data):
        """Kill some at once; those that may be restarted are, in their ranks, and nobody else."""
        victims = data.draw(st.lists(st.sampled_from(self.ranks), min_size=1, unique=True), label="victims")
        before = len(self.host.told(tuple))
        for rank in victims:
            with contextlib.suppress(ProcessLookupError):  # the death of another may have ended it by now
                os.kill(self.pids[rank], number)
        self.deaths += len(victims)
        if self.deaths > self.allowed:
            self.ended_by_death({self.pids[rank] for rank in victims}, number)
            return
        restarted = self.host.all_of(tuple, before + len(victims))[before:]
        assert sorted(victims) == sorted(rank for rank, _ in restarted)
        assert not {pid for _, pid in restarted} & set(self.pids.values())
        self.pids.update(restarted)

    @precondition(lambda self: self.serves)
    @rule(number=st.sampled_from([*WAYS_TO_STOP]), times=st.integers(1, 3))
    def stop(self, number, times):
        for _ in range(times):
            with contextlib.suppress(ProcessLookupError):
                self.host.send(number)
        assert WAYS_TO_STOP[number] == self.host.value()
        self.over()

    @precondition(lambda self: self.serves)
    @rule(number=st.sampled_from([signal.SIGTERM, signal.SIGINT]), kill_first=st.booleans(), data=st.data())
    def kill_and_stop(self, number, kill_first, data):
        """Of two things at once either may be first; it ends in order both ways."""
        victim = data.draw(st.sampled_from(self.ranks), label="victim")
        steps = [lambda: os.kill(self.pids[victim], signal.SIGKILL), lambda: self.host.send(number)]
        for step in steps if kill_first else reversed(steps):
            with contextlib.suppress(ProcessLookupError):
                step()
        outcome = self.host.outcome()
        if outcome.error is None:
            assert number == outcome.value
        else:
            assert isinstance(outcome.error, ChildDiedError), outcome.text
            assert (victim, "SIGKILL") == (outcome.error.rank, outcome.error.signal)
            assert self.deaths + 1 > self.allowed
        self.over()

    @precondition(lambda self: self.serves)
    @rule()
    def kill_the_main_process(self):
        self.host.kill(seconds=2)
        self.host = None
        self.left.close()

    @invariant()
    def children(self):
        if self.serves:
            assert set(self.pids.values()) == children_of(self.host.pid)

    def ended_by_death(self, pids, number):
        error = self.host.error(ChildDiedError)
        assert error.pid in pids
        assert WAYS_TO_DIE[number] == (error.exitcode, error.signal)
        assert (self.allowed > 0) == bool(self.host.told(GivingUp))
        self.over()

    def over(self):
        """Each child that began has ended, and each clean-up ran once, in the main process."""
        host, self.host = self.host, None
        assert [["b", host.pid], ["a", host.pid]] == host.told(list)
        started, ended = ({event.pid for event in host.told(kind)} for kind in (ChildStarted, ChildExited))
        assert started == ended
        assert 1 == len(host.told(Stopped))
        self.left.close()


TestServers = Servers.TestCase
TestServers.settings = settings(
    max_examples=settings.default.max_examples // 4,
    stateful_step_count=15,
    suppress_health_check=[HealthCheck.too_slow],
    deadline=None,
)

"""Events: what they say, how much they matter, and where they go."""

import logging
import pickle
import signal

import pytest
from hosting import hosting, make_life, work_on

from sermod import (
    ChildDiedError,
    ChildExited,
    ChildKilled,
    ChildReady,
    ChildStarted,
    Event,
    GivingUp,
    RestartDelayed,
    Restarting,
    Stopped,
    Stopping,
    serve,
)

EVENTS = [
    (ChildStarted(1, 77), "INFO", "child 1 (pid 77) is forked"),
    (ChildReady(1, 77), "INFO", "child 1 (pid 77) is ready"),
    (ChildExited(1, 77, 7), "WARNING", "child 1 (pid 77) has ended: it exited with code 7"),
    (ChildExited(1, 77, 0, asked=True), "INFO", "child 1 (pid 77) has ended: it exited with code 0"),
    (
        ChildExited(1, 77, 143, asked=True),
        "INFO",
        "child 1 (pid 77) has ended: it exited with code 143, as after a SIGTERM",
    ),
    (ChildExited(1, 77, None, "SIGKILL"), "WARNING", "child 1 (pid 77) has ended: SIGKILL ended it"),
    (
        ChildExited(1, 77, 1, None, "Traceback\nValueError: bad\n", asked=True),
        "WARNING",
        "child 1 (pid 77) has ended: it exited with code 1\nTraceback\nValueError: bad",
    ),
    (
        ChildExited(1, 77),
        "WARNING",
        (
            "child 1 (pid 77) has ended: its exit status is unknown: another part of the program took it (SIGCHLD "
            "is ignored, or waitpid(-1))"
        ),
    ),
    (ChildKilled(1, 77, "it is late"), "WARNING", "child 1 (pid 77) is killed: it is late"),
    (Restarting(1, 2), "INFO", "child 1 is restarted (deaths counted: 2)"),
    (RestartDelayed(1, "no"), "WARNING", "child 1 cannot be forked now, and is tried again: no"),
    (GivingUp(1, 6, 60), "ERROR", "giving up: 6 deaths of children within 60 seconds, the last one in rank 1"),
    (Stopping("SIGTERM arrived", signal.SIGTERM), "INFO", "stopping: SIGTERM arrived"),
    (Stopped(), "INFO", "stopped: no child is left, and the modules are cleaned up"),
]


@pytest.mark.parametrize(("event", "level", "text"), EVENTS, ids=[repr(event) for event, _, _ in EVENTS])
class TestEvent:
    def test_text(self, event, level, text):
        assert text == str(event)

    def test_level(self, event, level, text):
        assert level == logging.getLevelName(event.level)

    def test_it_is_a_value(self, event, level, text):
        """An event is an immutable value, which can be compared, hashed and sent to another process."""
        assert isinstance(event, Event)
        travelled = pickle.loads(pickle.dumps(event))  # noqa: S301 - made right here
        assert event == travelled
        assert hash(event) == hash(travelled)
        with pytest.raises(AttributeError):
            event.rank = 5


def subclasses_of(kind):
    for each in kind.__subclasses__():
        yield each
        yield from subclasses_of(each)


def test_every_kind_is_shown():
    assert {kind for kind in subclasses_of(Event) if not kind.__name__.startswith("_")} == {
        type(event) for event, _, _ in EVENTS
    }


def test_plain_event():
    assert logging.INFO == Event().level


def test_log():
    """Every event also goes to the log ``sermod``, with its level."""

    def host_of(tell):
        class Handler(logging.Handler):
            def emit(self, record):
                tell((record.levelno, record.getMessage()))

        log = logging.getLogger("sermod")
        log.addHandler(Handler())
        log.setLevel(logging.DEBUG)
        log.propagate = False
        with pytest.raises(ChildDiedError):
            serve(make_life(), lambda rank: rank == 2 or work_on(rank), 2, on_event=tell)

    with hosting(host_of) as host:
        host.value()
    assert [(event.level, str(event)) for event in host.told(Event)] == host.told(tuple)
    assert logging.WARNING in {level for level, _ in host.told(tuple)}

"""What a host says about its children is checked before anything is initialised or forked."""

import math

import pytest
from hosting import make_life, work_on

from sermod import LifecycleError, Prefork, RestartPolicy, serve


@pytest.fixture
def life():
    """A life that must not be initialised."""
    life = make_life(init_f=lambda name: pytest.fail("it was initialised"))
    yield life
    assert "configuring" == life.state


@pytest.mark.parametrize(
    ("children", "error", "message"),
    [
        pytest.param(-1, ValueError, "takes a number, 0 or more, or the ranks in a list .got -1", id="negative"),
        pytest.param(True, TypeError, "takes a number, or the ranks in a list .got True", id="bool"),
        pytest.param(2.0, TypeError, r"takes a number, or the ranks .* .got 2\.0", id="float"),
        pytest.param("12", TypeError, "takes a number, or the ranks .* .got '12'", id="str"),
        pytest.param(None, TypeError, "takes a number, or the ranks .* .got None", id="None"),
        pytest.param([1, 2, 1], ValueError, "rank 1 appears twice", id="repeated rank"),
        pytest.param([1, "2"], TypeError, "a rank must be an int .got '2'", id="rank that is no int"),
        pytest.param([1, False], TypeError, "a rank must be an int .got False", id="rank that is a bool"),
        pytest.param([1, 0], ValueError, "rank 0 is that of the main process", id="rank of the main process"),
        pytest.param([], ValueError, "the list has no ranks; to fork nothing, give children=0", id="no ranks"),
    ],
)
def test_children(life, children, error, message):
    """The number of children, or their ranks, must make sense."""
    with pytest.raises(error, match=message):
        serve(life, work_on, children)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        pytest.param({"restart": 3}, TypeError, "restart=... takes a RestartPolicy or None .got 3", id="restart"),
        pytest.param(
            {"restart": RestartPolicy(1, 1), "init_main": True}, ValueError, "exclude each other", id="init_main"
        ),
        pytest.param({"ready_timeout": 0}, ValueError, "ready_timeout=... takes seconds, more than 0", id="no time"),
        pytest.param({"ready_timeout": "1"}, ValueError, "ready_timeout=... takes .*got '1'", id="no number"),
        pytest.param({"ready_timeout": True}, ValueError, "ready_timeout=... takes .*got True", id="bool"),
        pytest.param({"stop_timeout": -1}, ValueError, "stop_timeout=... takes seconds, 0 or more", id="negative"),
        pytest.param({"stop_timeout": math.inf}, ValueError, "stop_timeout=... takes .*got inf", id="endless"),
        pytest.param({"stop_timeout": None}, ValueError, "stop_timeout=... takes .*got None", id="stop_timeout None"),
        pytest.param({"on_event": 1}, TypeError, "on_event=... takes a function of an event", id="on_event"),
    ],
)
def test_options(life, options, error, message):
    with pytest.raises(error, match=message):
        serve(life, work_on, 2, **options)


def test_life_and_worker(life):
    with pytest.raises(TypeError, match=r"Prefork\(\) takes a Lifecycle first .got 1.; write Lifecycle\(registry\)"):
        Prefork(1, work_on)
    with pytest.raises(TypeError, match=r"takes the worker, a function of the rank, second .got 4"):
        Prefork(life, 4)


class TestRestartPolicy:
    def test_fields(self):
        policy = RestartPolicy(max_restarts=5, within=60)
        assert (5, 60) == (policy.max_restarts, policy.within)
        assert RestartPolicy(5, 60) == policy
        with pytest.raises(AttributeError):
            policy.within = 1

    @pytest.mark.parametrize("number", ["5", 5.0, True, None])
    def test_type(self, number):
        with pytest.raises(TypeError, match=r"max_restarts=...\) takes an int"):
            RestartPolicy(number, 60)

    def test_none_at_all(self):
        with pytest.raises(ValueError, match=r"takes 1 or more \(got 0\); to restart nothing, give restart=None"):
            RestartPolicy(0, 60)

    @pytest.mark.parametrize("within", [0, -1, math.nan, math.inf, "60", None])
    def test_within(self, within):
        with pytest.raises(ValueError, match="takes seconds, more than 0"):
            RestartPolicy(1, within)


def test_alone_before_start(life):
    """With no children, ``start`` is refused before anything is done."""
    with pytest.raises(LifecycleError, match="with children=0 there is nothing to start"):
        Prefork(life, work_on, 0).start()

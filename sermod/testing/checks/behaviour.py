"""The checks of what a module does when it starts, runs in children, and ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final, cast
from unittest import SkipTest

from sermod._core.lifecycle import Lifecycle
from sermod._interface.exports import ModuleExports
from sermod._problems import counted
from sermod.errors import ChildInitError, ModuleInitError, SermodError
from sermod.testing.checks.check import Setup, fail, in_child
from sermod.testing.checks.interface import hook_culprit, load_or_skip, representative
from sermod.testing.checks.resources import Resources
from sermod.testing.harness.child_process import run_in_child
from sermod.testing.harness.pairs import ParamValues, Provided, pairs_of, stand_ins_of
from sermod.testing.harness.recorder import RecordingRegistry, stand_in_exports
from sermod.testing.harness.target import FoundModule

RANKS: Final = (1, 2, 3, 4, 0, -1, -2, -4)
"""The ranks for which each module must initialise: those of four children, and those of special processes."""


def make_lifecycle(
    setup: Setup,
    found: FoundModule,
    *others: ModuleExports[Any],
    params: ParamValues | None = None,
    provides: Provided | None = None,
) -> Lifecycle[Any]:
    """Return a lifecycle in which nothing is initialised yet.

    Args:
        setup: The setup of the module.
        found: The module.
        others: Modules that are loaded after it.
        params: Parameters to set instead of those of the setup.
        provides: Commands of other modules, instead of those of the setup.
    """
    core = RecordingRegistry(route_flags=setup.route_flags, script_param_no=setup.script_param_no)
    stand_ins = setup.provides if provides is None else stand_ins_of(provides)
    if stand_ins:
        core.register(stand_in_exports(stand_ins))
    module = core.register(found.exports)
    for exports in others:
        core.register(exports)
    for name, value in pairs_of(setup.params if params is None else params, "params"):
        core.set_param(module.name, name, value)
    return Lifecycle(core)


def start_or_skip(setup: Setup, found: FoundModule) -> Lifecycle[Any]:
    """Initialise the module and return its lifecycle. The process ends without ``destroy_f``.

    Raises:
        SkipTest: The module does not start.
    """
    try:
        life = make_lifecycle(setup, found)
        life.init()
    except Exception as error:
        raise _no_start(error) from error
    return life


def _no_start(error: Exception) -> SkipTest:
    return SkipTest(f"the module does not start ({error}); see the check 'starts'")


def _refused(error: Exception) -> SkipTest:
    return SkipTest(f"the module is refused before init ({error}); see the check 'starts'")


# Start and end --------------------------------------------------------------------------------------------------------


@in_child()
def starts(setup: Setup) -> None:
    """With what it needs, the module starts: its ``init_f`` returns 0 or ``None``."""
    found = load_or_skip(setup)
    try:
        life = make_lifecycle(setup, found)
        try:
            life.init()
        except Exception as error:
            cast("RecordingRegistry", life.registry).explain(error)
            raise
    except Exception as error:  # noqa: BLE001 - code of the module may raise any exception
        notes = "".join(f"; {note}" for note in getattr(error, "__notes__", ()))
        fail(f"the module does not start: {error}{notes}", hook_culprit(found, "init_f"))


@in_child()
def does_nothing_before_init(setup: Setup) -> None:
    """Loading the module opens, starts and changes nothing that belongs to the process: ``init_f`` does that."""
    before = Resources.now()
    found = load_or_skip(setup)
    new = Resources.now().new_since(before)
    if new:
        fail(
            f"loading the module leaves {', '.join(new)}; do that in init_f, which runs after the parameters are set",
            representative(found),
        )


@in_child()
def failed_init_leaves_nothing(setup: Setup) -> None:
    """If its ``init_f`` fails, nothing of the module is left, since ``destroy_f`` does not run then."""
    found = load_or_skip(setup)
    init_f = found.exports.init_f
    if init_f is None:
        raise SkipTest("the module has no init_f")
    if setup.bad_params:
        replaced = {name for name, _ in setup.bad_params}
        params = [pair for pair in setup.params if pair[0] not in replaced]
        life = _make_or_skip(lambda: make_lifecycle(setup, found, params=[*params, *setup.bad_params]))
    else:  # without what the module may need
        life = _make_or_skip(lambda: make_lifecycle(setup, found, params={}, provides={}))
    before = Resources.now()
    failure = _init_failure(life)
    if failure is None and setup.bad_params:
        given = dict(setup.bad_params)
        fail(f"init_f succeeds with {given!r}, where it must fail; return -1 from init_f", init_f)
    if failure is None:
        raise SkipTest(
            "init_f does not fail by itself; give parameters that make it fail: Setup(..., bad_params={...})"
        )
    new = Resources.now().new_since(before)
    if new:
        fail(f"{failure}, and leaves {', '.join(new)}; undo in init_f what it has begun before it fails", init_f)


def _make_or_skip(make: Callable[[], Lifecycle[Any]]) -> Lifecycle[Any]:
    try:
        life = make()
    except Exception as error:
        raise _refused(error) from error
    try:
        life.registry.check()
    except SermodError as error:
        raise _refused(error) from error
    return life


def _init_failure(life: Lifecycle[Any]) -> str | None:
    """Return the text of the exception by which init fails. The exception itself would keep the resources alive."""
    try:
        life.init()
    except ModuleInitError as error:
        return str(error)
    return None


@in_child()
def failed_start_is_cleaned_up(setup: Setup) -> None:
    """If a later module fails to start, ``destroy_f`` runs without any child: it raises nothing and leaves nothing."""
    found = load_or_skip(setup)
    try:
        life = make_lifecycle(setup, found, ModuleExports("(a module that fails)", init_f=lambda: -1))
    except Exception as error:
        raise _refused(error) from error
    before = Resources.now()
    failures: list[str] = []
    try:
        life.init()
    except ModuleInitError as error:
        if error.module == found.exports.name:
            raise _no_start(error) from error
        failures = [note for note in getattr(error, "__notes__", ()) if "destroy_f" in note]
    except Exception as error:
        raise _no_start(error) from error
    _check_clean(failures, before, hook_culprit(found, "destroy_f", "init_f"))


@in_child()
def destroy_cleans_up(setup: Setup) -> None:
    """After init, ``destroy_f`` raises nothing, and leaves nothing of what ``init_f`` has made."""
    found = load_or_skip(setup)
    before = Resources.now()
    life = start_or_skip(setup, found)
    failures: list[str] = []
    try:
        life.destroy()
    except BaseExceptionGroup as group:
        failures = [f"destroy_f raised {error!r}" for error in group.exceptions]
    _check_clean(failures, before, hook_culprit(found, "destroy_f", "init_f"))


def _check_clean(failures: list[str], before: Resources, culprit: object) -> None:
    if failures:
        fail(f"{', '.join(failures)}; undo in destroy_f what init_f did, and nothing else", culprit)
    new = Resources.now().new_since(before)
    if new:
        fail(f"after destroy_f there is still {', '.join(new)}; undo in destroy_f what init_f did", culprit)


@in_child(steps=2)
def runs_twice(setup: Setup) -> None:
    """The module can be loaded, run and ended twice in one process."""
    try:
        _run_once(setup)
    except Exception as error:
        raise SkipTest(f"the module does not run even once ({error}); see the other checks") from error
    try:
        _run_once(setup)
    except Exception as error:  # noqa: BLE001 - code of the module may raise any exception
        failure = f"the second run in one process fails with {type(error).__name__}: {error}"
        fail(f"{failure}; undo in destroy_f what init_f did", hook_culprit(load_or_skip(setup), *_failed_hooks(error)))


def _failed_hooks(error: Exception) -> tuple[str, ...]:
    """Return the hook that raised the exception by which a run fails, if it was one."""
    kinds = {ModuleInitError: "init_f", ChildInitError: "init_child_f", BaseExceptionGroup: "destroy_f"}
    return tuple(field for kind, field in kinds.items() if isinstance(error, kind))


def _run_once(setup: Setup) -> None:
    with setup._harness() as harness:
        harness.init_child(1)


# Children -------------------------------------------------------------------------------------------------------------


@in_child(steps=len(RANKS))
def initialises_in_every_rank(setup: Setup) -> None:
    """``init_child_f`` succeeds in the ranks 1 to 4, and in those of special processes: 0, -1, -2 and -4."""
    found = load_or_skip(setup)
    init_child_f = found.exports.init_child_f
    if init_child_f is None:
        raise SkipTest("the module has no init_child_f")
    life = start_or_skip(setup, found)
    failures = [*_failing_ranks(setup, life)]
    if failures:
        remedy = "accept every rank, and return 0 if there is nothing to do in it"
        fail(f"{'; '.join(failures)}; {remedy}", init_child_f)


def _failing_ranks(setup: Setup, life: Lifecycle[Any]) -> Iterator[str]:
    for rank in RANKS:
        try:
            run_in_child(partial(life.init_child, rank), timeout=setup.timeout, call="init_child_f", rank=rank)
        except Exception as error:  # noqa: BLE001 - code of the module may raise any exception
            yield f"rank {rank}: {error}"


@in_child(steps=2)
def children_share_nothing(setup: Setup) -> None:
    """Two children share no connection and no file open for writing, and ``init_f`` starts no thread."""
    found = load_or_skip(setup)
    before = Resources.now()
    life = start_or_skip(setup, found)
    main = Resources.now()
    init_f = hook_culprit(found, "init_f")
    threads = [thread for thread in main.threads if thread not in before.threads]
    if threads:
        names = ", ".join(repr(thread.name) for thread in threads)
        fail(
            f"init_f starts {counted(len(threads), 'thread')} ({names}), which no child has after the fork; start "
            f"threads in init_child_f",
            init_f,
        )

    def init_child(rank: int) -> dict[tuple[int, int], str]:
        life.init_child(rank)
        return Resources.now().unshareable

    try:
        first, second = (
            run_in_child(partial(init_child, rank), timeout=setup.timeout, call="init_child_f", rank=rank)
            for rank in (1, 2)
        )
    except Exception as error:
        message = f"a child cannot be initialised ({error}); see the check 'initialises_in_every_rank'"
        raise SkipTest(message) from error
    # What the main process does not have open, each child has opened by itself, even if it is the same file.
    shared = [
        text
        for key, text in main.unshareable.items()
        if key in first and key in second and key not in before.descriptors
    ]
    if shared:
        fail(
            f"two children share {', '.join(shared)}, and disturb each other when they use it; open it in each child, "
            f"in init_child_f",
            init_f,
        )

"""The checks of how a module conducts itself, each in a child process, which it may damage as it likes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final, cast
from unittest import SkipTest

from sermod._core.lifecycle import Lifecycle
from sermod._interface.exports import ModuleExports
from sermod.errors import ModuleInitError, SermodError
from sermod.testing.checks.check import Setup, fail, in_child
from sermod.testing.checks.interface import find_loadable, home_of
from sermod.testing.checks.resources import Resources
from sermod.testing.harness.fork import run_in_child
from sermod.testing.harness.recorder import ListeningRegistry, stand_ins
from sermod.testing.harness.target import Found

RANKS: Final = (1, 2, 3, 4, 0, -1, -2, -4)
"""The ranks for which a module must be able to initialise itself: of children, and of special processes."""


def life_of(
    setup: Setup,
    found: Found,
    *others: ModuleExports[Any],
    params: Mapping[str, int | str] | None = None,
    provides: Mapping[tuple[str, int], Callable[..., Any]] | None = None,
) -> Lifecycle[Any]:
    """Return a life of the module and of *others*, loaded after it; nothing is initialised yet."""
    core = ListeningRegistry(route_flags=setup.route_flags, script_param_no=setup.script_param_no)
    provides = setup.provides if provides is None else provides
    if provides:
        core.register(stand_ins(provides))
    module = core.register(found.exports)
    for exports in others:
        core.register(exports)
    for name, value in (setup.params if params is None else params).items():
        core.set_param(module.name, name, value)
    return Lifecycle(core)


def started(setup: Setup, found: Found) -> Lifecycle[Any]:
    """Start the module, for the checks of what comes after that. The process ends before it is destroyed.

    Raises:
        SkipTest: It does not start.
    """
    try:
        life = life_of(setup, found)
        life.init()
    except Exception as error:
        raise SkipTest(f"it does not start ({error}); see the check 'starts'") from error
    return life


def listed(things: list[str]) -> str:
    """Return things as a part of a sentence."""
    return ", ".join(things)


# Starting -----------------------------------------------------------------------------------------------------------


@in_child()
def starts(setup: Setup) -> None:
    """With what it needs, it is initialised: its ``init_f`` returns 0 or ``None``."""
    found = find_loadable(setup)
    try:
        life = life_of(setup, found)
        try:
            life.init()
        except Exception as error:
            cast("ListeningRegistry", life.registry).explain(error)
            raise
    except Exception as error:  # noqa: BLE001 - its own code may raise anything
        notes = "".join(f"; {note}" for note in getattr(error, "__notes__", ()))
        fail(f"it does not start: {error}{notes}", found.exports.init_f or home_of(found))


@in_child()
def does_nothing_before_init(setup: Setup) -> None:
    """Loading it opens, starts and changes nothing: its ``init_f`` comes before anything else."""
    before = Resources.now()
    found = find_loadable(setup)
    new = Resources.now().new_since(before)
    if new:
        fail(
            f"loading it leaves {listed(new)}; wait for init_f, which runs once the parameters are set", home_of(found)
        )


@in_child()
def failed_init_leaves_nothing(setup: Setup) -> None:
    """Where its ``init_f`` fails, nothing of it is left, since its ``destroy_f`` is not called then."""
    found = find_loadable(setup)
    init_f = found.exports.init_f
    if init_f is None:
        raise SkipTest("it has no init_f")
    if setup.bad_params:
        life = _refusable(lambda: life_of(setup, found, params={**setup.params, **setup.bad_params}))
    else:  # without anything that it may need
        life = _refusable(lambda: life_of(setup, found, params={}, provides={}))
    before = Resources.now()
    failure = _failure(life)
    if failure is None and setup.bad_params:
        fail(f"it starts with {dict(setup.bad_params)!r}, where it should fail; return -1 from init_f", init_f)
    if failure is None:
        raise SkipTest("its init_f does not fail by itself; say how to make it fail: Setup(..., bad_params={...})")
    new = Resources.now().new_since(before)
    if new:
        fail(f"{failure}, and leaves {listed(new)}; undo in init_f what it has begun", init_f)


def _refusable(make: Callable[[], Lifecycle[Any]]) -> Lifecycle[Any]:
    try:
        life = make()
    except Exception as error:
        raise SkipTest(f"it is refused before its init_f runs ({error})") from error
    try:
        life.registry.check()
    except SermodError as error:
        raise SkipTest(f"it is refused before its init_f runs ({error})") from error
    return life


def _failure(life: Lifecycle[Any]) -> str | None:
    """Return how the initialization fails; of the exception, which would keep alive what it failed with, the text."""
    try:
        life.init()
    except ModuleInitError as error:
        return str(error)
    return None


@in_child()
def failed_start_is_cleaned_up(setup: Setup) -> None:
    """Where a module after it fails, its ``destroy_f`` comes without any child, raises nothing, and leaves nothing."""
    found = find_loadable(setup)
    try:
        life = life_of(setup, found, ModuleExports("(a module that fails)", init_f=lambda: -1))
    except Exception as error:
        raise SkipTest(f"it is refused ({error}); see the check 'starts'") from error
    before = Resources.now()
    wrong: list[str] = []
    try:
        life.init()
    except ModuleInitError as error:
        if error.module == found.exports.name:
            raise SkipTest(f"it does not start ({error}); see the check 'starts'") from error
        wrong = [note for note in getattr(error, "__notes__", ()) if "destroy_f" in note]
    except Exception as error:
        raise SkipTest(f"it does not start ({error}); see the check 'starts'") from error
    _check_clean(wrong, before, found.exports.destroy_f or home_of(found))


@in_child()
def destroy_cleans_up(setup: Setup) -> None:
    """After init, its ``destroy_f`` raises nothing, and leaves nothing of what ``init_f`` has made."""
    found = find_loadable(setup)
    before = Resources.now()
    life = started(setup, found)
    wrong: list[str] = []
    try:
        life.destroy()
    except BaseExceptionGroup as group:
        wrong = [f"destroy_f raised {error!r}" for error in group.exceptions]
    _check_clean(wrong, before, found.exports.destroy_f or home_of(found))


def _check_clean(wrong: list[str], before: Resources, where: object) -> None:
    if wrong:
        fail(f"{listed(wrong)}; let it undo what init_f did, and nothing else", where)
    new = Resources.now().new_since(before)
    if new:
        fail(f"once it is destroyed, there is left {listed(new)}; undo in destroy_f what init_f did", where)


@in_child(steps=2)
def runs_twice(setup: Setup) -> None:
    """It can be loaded, run and unloaded twice in one process."""
    try:
        _run_once(setup)
    except Exception as error:
        raise SkipTest(f"it does not run even once ({error}); see the other checks") from error
    try:
        _run_once(setup)
    except Exception as error:  # noqa: BLE001 - its own code may raise anything
        message = f"the second time in one process, {type(error).__name__}: {error}; let destroy_f undo what init_f did"
        fail(message, home_of(find_loadable(setup)))


def _run_once(setup: Setup) -> None:
    with setup.harness() as harness:
        harness.init_child(1)


# Children -----------------------------------------------------------------------------------------------------------


@in_child(steps=len(RANKS))
def initialises_in_every_rank(setup: Setup) -> None:
    """Its ``init_child_f`` succeeds in ranks 1 to 4, and in those of special processes: 0, -1, -2 and -4."""
    found = find_loadable(setup)
    init_child_f = found.exports.init_child_f
    if init_child_f is None:
        raise SkipTest("it has no init_child_f")
    life = started(setup, found)
    wrong = [*_failing_ranks(setup, life)]
    if wrong:
        remedy = "see to it that rank only numbers the children, and let it return 0 where it has nothing to do"
        fail(f"{'; '.join(wrong)}; {remedy}", init_child_f)


def _failing_ranks(setup: Setup, life: Lifecycle[Any]) -> Iterator[str]:
    for rank in RANKS:
        try:
            run_in_child(partial(life.init_child, rank), timeout=setup.timeout, what="init_child_f", rank=rank)
        except Exception as error:  # noqa: BLE001 - its own code may raise anything
            yield f"rank {rank}: {error}"


@in_child(steps=2)
def children_share_nothing(setup: Setup) -> None:
    """Two children have no connection, no file for writing, and no thread in common that ``init_f`` has made."""
    found = find_loadable(setup)
    before = Resources.now()
    life = started(setup, found)
    init_f = found.exports.init_f or home_of(found)
    threads = [thread for thread in Resources.now().threads if thread not in before.threads]
    if threads:
        names = listed([repr(thread.name) for thread in threads])
        fail(f"init_f starts the thread {names}, which exists in no child; start it in init_child_f", init_f)

    def child(rank: int) -> dict[tuple[int, int], str]:
        life.init_child(rank)
        return Resources.now().shareable

    try:
        first, second = (
            run_in_child(partial(child, rank), timeout=setup.timeout, what="init_child_f", rank=rank) for rank in (1, 2)
        )
    except Exception as error:
        message = f"a child cannot be initialised ({error}); see the check 'initialises_in_every_rank'"
        raise SkipTest(message) from error
    shared = [text for key, text in first.items() if key in second and key not in before.descriptors]
    if shared:
        remedy = "open it in init_child_f, in each child its own"
        fail(
            f"two children both have {listed(shared)}, and what one does with it, the other one meets; {remedy}", init_f
        )

"""The specification, section 1.4, Module Initialization: statement by statement, with real forks."""

from __future__ import annotations

import os
import sqlite3

import attrs
import pytest
from forked import in_child
from making import Journal

from sermod import (
    REQUEST_ROUTE,
    ChildInitError,
    CmdExport,
    Lifecycle,
    LifecycleError,
    ModuleExports,
    ModuleInitError,
    Registry,
    State,
    find_problems,
)

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


@pytest.fixture
def journal():
    return Journal()


def server(*modules):
    """Return the lifecycle of a server of these modules."""
    core = Registry()
    for module in modules:
        core.register(module)
    return Lifecycle(core)


def test_initialization_comes_before_the_first_message(journal):
    """Section 1.4.

    > If you need to initialize your module before the server starts processing SIP messages, you should provide
    > initialization function.
    """
    life = server(ModuleExports("m", init_f=journal.hook("init")))
    with pytest.raises(LifecycleError, match="run_route"):
        life.run_route([], "msg")
    with pytest.raises(LifecycleError, match="process_reply"):
        life.process_reply("msg")
    assert [] == journal
    with life:
        journal.append("ready")

    assert ["init", "ready"] == journal


def test_a_module_may_have_two_initialization_functions(journal):
    """Section 1.4.

    > Each module can provide two initialization functions, main initialization function and child-specific
    > initialization function.
    """
    exports = ModuleExports("m", init_f=journal.hook("main"), init_child_f=journal.hook("child"))
    with server(exports) as life:
        life.init_child(1)

    assert ["main", ("child", 1)] == journal


def test_both_are_fields_of_the_main_export_structure():
    """Section 1.4.

    > Fields holding pointers to both initialization functions are in main export structure
    """
    fields = [field.name for field in attrs.fields(ModuleExports)]

    assert {"init_f", "init_child_f"} <= {*fields}
    for field in ("init_f", "init_child_f"):
        with pytest.raises(TypeError, match=rf"ModuleExports\.{field}: takes a callable"):
            ModuleExports("m", **{field: "mod_init"})


@pytest.mark.parametrize("present", [(), ("init_f",), ("init_child_f",), ("init_f", "init_child_f")], ids="+".join)
def test_0_stands_for_a_function_that_is_not_needed(journal, present):
    """Section 1.4.

    > Simply pass 0 instead of function pointer if you don't need one or both initialization functions.
    """
    init_f = journal.hook("init_f") if "init_f" in present else 0
    init_child_f = journal.hook("init_child_f") if "init_child_f" in present else 0
    with server(ModuleExports("m", 0, 0, init_f, 0, 0, 0, init_child_f)) as life:
        life.init_child(1)

    assert [field if field == "init_f" else (field, 1) for field in present] == journal


def test_main_initialization_comes_before_any_other_function(journal):
    """Section 1.4.

    > The main initialization function will be called before any other function exported by the module.
    """
    command = CmdExport("c", journal.hook("command", returns=0), 1, journal.hook("fixup", returns=1), REQUEST_ROUTE)
    exports = ModuleExports(
        "m",
        [command, CmdExport()],
        0,
        journal.hook("init"),
        journal.hook("response", returns=1),
        journal.hook("destroy"),
        journal.hook("onbreak"),
        journal.hook("init_child"),
    )
    core = Registry()
    core.register(exports)
    route = [core.bind("c", "x", route=REQUEST_ROUTE)]
    assert [] == journal
    with Lifecycle(core) as life:
        life.init_child(1)
        life.run_route(route, "msg")
        life.process_reply("msg")

    assert "init" == journal[0]
    assert 7 == len(journal)


@needs_fork
def test_main_initialization_runs_once_before_the_main_process_forks(journal):
    """Section 1.4.

    > The function will be called only once, before the main process forks. This function is good for initialization
    > that is common for all the children (processes).
    """
    common = []

    def mod_init():
        common.append(os.getpid())
        return 0

    with server(ModuleExports("m", init_f=mod_init)) as life:
        assert [os.getpid()] == common

        def child():
            with pytest.raises(LifecycleError, match="init"):
                life.init()
            return common

        assert [[os.getpid()]] * 2 == [in_child(child) for _ in range(2)]


def test_main_initialization_returns_0_if_everything_went_ok():
    """Section 1.4.

    > The function should return 0 if everything went OK and a negative error code otherwise.

    A function without a return is a success too. A positive code is none: the core stops at anything but 0.
    """
    for result in (0, None):
        with server(ModuleExports("m", init_f=lambda result=result: result)) as life:
            assert State.INITIALISED is life.state
    with pytest.raises(ModuleInitError, match="returned 1"):
        server(ModuleExports("m", init_f=lambda: 1)).init()


@pytest.mark.parametrize("code", [-1, -42])
def test_the_server_aborts_if_main_initialization_returns_a_negative_value(journal, code):
    """Section 1.4.

    > Server will abort if the function returns a negative value.
    """
    life = server(
        ModuleExports("first", init_f=journal.hook("first"), destroy_f=journal.hook("destroy first")),
        ModuleExports("second", init_f=lambda: code),
        ModuleExports("third", init_f=journal.hook("third")),
    )
    with pytest.raises(ModuleInitError) as caught:
        life.init()

    assert ("second", code) == (caught.value.module, caught.value.code)
    assert ["first", "destroy first"] == journal
    assert State.FAILED is life.state


@needs_fork
def test_per_child_initialization_runs_after_the_fork_in_each_child():
    """Section 1.4.

    > Per-child initialization function will be called *after* the main process forks. The function will be called for
    > each child separately.
    """
    called = []

    def child_init(rank):
        called.append((rank, os.getpid()))
        return 0

    with server(ModuleExports("m", init_child_f=child_init)) as life:

        def child(rank):
            life.init_child(rank)
            return called, os.getpid()

        assert [] == called
        for rank in (1, 2, 3):
            in_it, pid = in_child(lambda rank=rank: child(rank))
            assert os.getpid() != pid
            assert [(rank, pid)] == in_it
        assert [] == called


@needs_fork
def test_each_child_may_have_a_connection_of_its_own(tmp_path):
    """Section 1.4.

    > The function should perform initialization that is specific for each child. For example each child process might
    > open it's own database connection to avoid locking of a single connection shared by many processes. Such
    > connections can be opened in the per-child initialization function.
    """
    database = tmp_path / "location.db"
    connections = {}

    def mod_init():
        connection = sqlite3.connect(database)
        connection.execute("create table location (rank integer)")
        connection.close()

    def child_init(rank):
        connections["own"] = sqlite3.connect(database, isolation_level=None)

    with server(ModuleExports("usrloc", init_f=mod_init, init_child_f=child_init)) as life:

        def child(rank):
            life.init_child(rank)
            connections["own"].execute("insert into location values (?)", [rank])
            connections.pop("own").close()

        for rank in (1, 2):
            in_child(lambda rank=rank: child(rank))
        assert {} == connections
        connection = sqlite3.connect(database)
        assert [(1,), (2,)] == connection.execute("select rank from location order by rank").fetchall()
        connection.close()


def test_per_child_initialization_is_told_the_rank(journal):
    """Section 1.4.

    > The function accepts one parameter which is rank (integer) of child for which the function is being executed.
    """
    with server(ModuleExports("m", init_child_f=journal.hook("child"))) as life:
        for rank in (1, 2, 3):
            life.init_child(rank)
        with pytest.raises(TypeError, match="the rank must be an int"):
            life.init_child("1")

    assert [("child", 1), ("child", 2), ("child", 3)] == journal
    for wrong in (lambda: 0, lambda rank, more: 0):
        assert ["wrong-signature"] == [found.code for found in find_problems(ModuleExports("m", init_child_f=wrong))]


@needs_fork
def test_different_children_are_initialised_differently():
    """Section 1.4.

    > This allows developers to distinguish different children and perform different initialization for each child.
    """
    role = ["none"]

    def child_init(rank):
        role[0] = "timer" if rank == 1 else "listener"

    with server(ModuleExports("m", init_child_f=child_init)) as life:

        def child(rank):
            life.init_child(rank)
            return role[0]

        assert ["timer", "listener"] == [in_child(lambda rank=rank: child(rank)) for rank in (1, 2)]
        assert ["none"] == role


def test_the_return_value_means_the_same_for_a_child(journal):
    """Section 1.4.

    > The meaning of return value is same as in the main initialization function.

    0 is success and a negative value is an error, which ends the child.
    """
    codes = iter([0, None, -1])
    life = server(
        ModuleExports("m", init_child_f=lambda rank: next(codes)),
        ModuleExports("n", init_child_f=journal.hook("n")),
    )
    with life:
        life.init_child(1)
        life.init_child(2)
        with pytest.raises(ChildInitError) as caught:
            life.init_child(3)

    assert ("m", -1, 3) == (caught.value.module, caught.value.code, caught.value.rank)
    assert [("n", 1), ("n", 2)] == journal

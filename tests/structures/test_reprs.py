"""Short texts for what a debugger shows."""

from __future__ import annotations

from making import make_exports

from sermod import INT_PARAM, REQUEST_ROUTE, Cell, CmdExport, Lifecycle, ModuleExports, ParamExport, Registry, load


def test_exports():
    exports = make_exports(
        "foobar", CmdExport("foo", lambda msg: 1), ParamExport("bar", INT_PARAM, Cell(0)), init_f=lambda: 0
    )

    assert "<ModuleExports 'foobar': 1 command, 1 parameter, init_f>" == repr(exports)
    assert "<ModuleExports None: 0 commands, 0 parameters>" == repr(ModuleExports())


def test_a_loaded_module(tmp_path):
    core = Registry()
    file = tmp_path / "foobar.py"
    file.write_text("from sermod import ModuleExports\nexports = ModuleExports('foobar')\n")

    assert "<LoadedModule 'm' from memory>" == repr(core.register(make_exports("m")))
    assert f"<LoadedModule 'foobar' from {file.resolve()}>" == repr(core.load(file))
    assert "<ModuleExports 'foobar': 0 commands, 0 parameters>" == repr(load(file))


def test_a_lifecycle():
    core = Registry()
    empty = Lifecycle(Registry())
    core.register(make_exports("m"))
    core.register(make_exports("n"))
    life = Lifecycle(core)

    assert "<Lifecycle of no modules: configuring>" == repr(empty)
    assert "<Lifecycle of m, n: configuring>" == repr(life)
    life.init()
    assert "<Lifecycle of m, n: initialised>" == repr(life)


def test_an_action_before_init_has_no_run():
    """`hasattr`, `inspect` and `copy` see an attribute that is not there yet."""
    import copy
    import inspect
    from unittest import mock

    core = Registry()
    core.register(make_exports("m", CmdExport("c", lambda msg: 1, 0, 0, REQUEST_ROUTE)))
    action = core.bind("c", route=REQUEST_ROUTE)

    assert not hasattr(action, "run")
    assert not hasattr(action, "fixed")
    assert "c" == copy.copy(action).export.name
    assert "params" in dict(inspect.getmembers(action))
    assert mock.create_autospec(action).export is not None

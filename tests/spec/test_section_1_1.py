"""The specification, introduction and section 1.1, Shared Objects: statement by statement."""

from __future__ import annotations

import sys

import pytest
from making import make_exports

from sermod import (
    INT_PARAM,
    REQUEST_ROUTE,
    Lifecycle,
    LoadError,
    ModuleExports,
    ModuleFileNotFoundError,
    NoExportsError,
    Registry,
    UnknownCommandError,
    find_export,
)

TM = """
from sermod import INT_PARAM, REQUEST_ROUTE, CmdExport, ModuleExports, ParamExport, null_terminated, pointer_to

timeout = 30

def t_relay(msg):
    return timeout

cmds = null_terminated(CmdExport("t_relay", t_relay, 0, 0, REQUEST_ROUTE), CmdExport("~t_newtran", t_relay))
params = null_terminated(ParamExport("timeout", INT_PARAM, pointer_to(globals(), "timeout")))
exports = ModuleExports("tm", cmds, params)
"""


@pytest.fixture
def directory(tmp_path):
    """Give a directory with one module."""
    (tmp_path / "tm.py").write_text(TM)
    return tmp_path


def test_functionality_is_split_across_modules():
    """Section 1.

    > SIP Express Router features modular architecture which allows us to split SIP Express Router's functionality
    > across several modules.
    """
    core = Registry()
    for name in ("tm", "sl", "usrloc"):
        core.register(make_exports(name))

    assert ["tm", "sl", "usrloc"] == [module.name for module in core]


def test_only_the_required_functions_are_loaded(directory):
    """Section 1.

    > only required set of functions can be loaded upon startup which minimizes the server's memory footprint
    """
    (directory / "huge.py").write_text("raise AssertionError('nobody has asked for this one')")
    core = Registry(path=[directory])
    core.load("tm")

    assert ["tm"] == [module.name for module in core]
    with pytest.raises(UnknownCommandError):
        core.bind("huge", route=REQUEST_ROUTE)


def test_modules_of_other_distributions(directory, monkeypatch):
    """Section 1.

    > Modules can be also provided by 3rd party developers and distributed separately from the main server.
    """
    (directory / "sermod_tests_tm.py").write_text(TM)
    information = directory / "sermod_tests_tm-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: sermod-tests-tm\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[sermod.modules]\nstateful = sermod_tests_tm\n")
    monkeypatch.syspath_prepend(directory)
    try:
        assert "tm" == Registry().load("stateful").name
    finally:
        sys.modules.pop("sermod_tests_tm", None)


def test_the_interface_passes_functions_and_parameters_to_the_core():
    """Section 1.

    > module interface of SIP Express Router, which is used to pass information on available functions and parameters
    > from the modules to the core
    """
    exports = make_exports("m")
    core = Registry()

    assert exports is core.register(exports).exports


def test_a_shared_object_is_known_by_its_suffix(directory):
    """Section 1.1.

    > SIP Express Router modules are compiled as "shared objects". A file containing a shared object has usually `.so`
    > suffix.

    One that is none is refused by name, and nothing of it is registered.
    """
    (directory / "sl.so").write_bytes(b"this is no shared object")
    core = Registry(path=[directory])
    for what in ("sl", directory / "sl.so", "sl.so"):
        with pytest.raises(LoadError, match=r"sl\.so"):
            core.load(what)

    assert 0 == len(core)


def test_all_modules_in_one_directory(directory):
    """Section 1.1.

    > All modules (shared objects) will be stored in one directory after installation. For example `tm` module, which
    > contains code essential for stateful processing, will be stored in file named `tm.so`.
    """
    (directory / "sl.py").write_text(TM.replace('"tm"', '"sl_module"').replace("t_relay", "sl_send"))
    core = Registry(path=[directory])

    assert ["tm", "sl_module"] == [core.load(name).name for name in ("tm", "sl")]
    assert str(directory / "tm.py") == core.find_module("tm").origin


def test_the_directory_is_the_hosts_to_name(directory, monkeypatch):
    """Section 1.1.

    > By default these files are stored in `/usr/lib/ser/modules` directory.

    That is the server's own default. An embedding program names its directories, and no other is looked into.
    """
    monkeypatch.chdir(directory)

    assert () == Registry().path
    with pytest.raises(ModuleFileNotFoundError, match="which is empty"):
        Registry().load("tm")
    assert ("/usr/lib/ser/modules",) == Registry(path=["/usr/lib/ser/modules"]).path


def test_loadmodule_takes_a_path(directory):
    """Section 1.1.

    > You can later load the modules using loadmodule command in your configuration file.

    > If you want to load previously mentioned `tm.so` module, you can do it using loadmodule
    > "/usr/lib/ser/modules/tm.so" in your configuration file.
    """
    core = Registry()
    module = core.load(directory / "tm.py")

    assert "tm" == module.name
    assert module is core.find_module("tm")


def test_all_symbol_dependencies_are_resolved_at_once(directory):
    """Section 1.1.

    > This command invokes dynamic linker provided by the operating system which opens `tm.so` file, loads it into
    > memory and resolves all symbol dependencies

    A module in Python is executed, and with it what it imports. Where something is missing, nothing is left of it.
    """
    (directory / "broken.py").write_text("from sermod import no_such_symbol\n" + TM)
    core, before = Registry(path=[directory]), set(sys.modules)
    with pytest.raises(LoadError, match="cannot import name 'no_such_symbol'"):
        core.load("broken")

    assert 0 == len(core)
    assert before == set(sys.modules)


def test_a_module_uses_symbols_of_the_core(directory):
    """Section 1.1.

    > a module might require symbols from the core, for example functions and variables
    """
    core = Registry(path=[directory])
    function = core.load("tm").exports.commands[0].function

    assert REQUEST_ROUTE is function.__globals__["REQUEST_ROUTE"]
    assert ModuleExports is function.__globals__["ModuleExports"]


def test_exports_is_looked_up_as_the_last_step(directory):
    """Section 1.1.

    > As the last step of the module loading the core tries to find variable named `exports`, which describes all
    > functions and parameters provided by the module.
    """
    (directory / "late.py").write_text("exports = 'not yet'\n" + TM + "\ncmds = 'too late to matter'\n")
    (directory / "without.py").write_text(TM.replace("exports =", "export ="))
    core = Registry(path=[directory])
    module = core.load("late")

    assert ["t_relay", "~t_newtran"] == [command.name for command in module.exports.commands]
    assert ["timeout"] == [parameter.name for parameter in module.exports.parameters]
    with pytest.raises(NoExportsError, match="has no variable 'exports'"):
        core.load("without")


def test_what_is_exported_is_available_in_the_configuration_and_to_other_modules(directory):
    """Section 1.1.

    > These functions and parameters are later available to the server and can be used either in the configuration file
    > or by other modules.
    """
    core = Registry(path=[directory])
    core.load("tm")
    found = []
    core.register(make_exports("other", init_f=lambda: found.append(find_export("~t_newtran", 0))))

    core.set_param("tm", "timeout", 5)
    call = core.bind("t_relay", route=REQUEST_ROUTE)
    with Lifecycle(core) as life:
        assert 5 == life.run_route([call], "msg")

    assert 5 == core.find_param("tm", "timeout", INT_PARAM).param_pointer.load()
    assert [core.find_export("~t_newtran", 0)] == found
    assert 5 == found[0].function("msg")

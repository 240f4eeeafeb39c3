"""Modules in C, compiled by the tests, in a Python host."""

import ctypes
import math
import subprocess
import sys
from ctypes import CFUNCTYPE, c_char_p, c_double, c_int

import pytest
from c_messages import Message
from forked import in_child
from making import make_exports

import sermod
from sermod import (
    INT_PARAM,
    REPLY_ROUTE,
    REQUEST_ROUTE,
    STR_PARAM,
    ChildInitError,
    CmdExport,
    FixupError,
    Lifecycle,
    LoadError,
    ModuleExports,
    ModuleInitError,
    ParamTypeError,
    Registry,
    RouteError,
    ShadowedCommandError,
    native,
)


class Host:
    """A registry with one C module."""

    def __init__(self, path, **arguments):
        self.core = Registry()
        self.exports = native.load(path, **arguments)
        self.core.register(self.exports)
        self.name = self.exports.name

    def bind(self, name, *params, route=REQUEST_ROUTE):
        return self.core.bind(name, *params, route=route)

    def set(self, **values):
        for name, value in values.items():
            self.core.set_param(self.name, name, value)

    def start(self):
        self.life = Lifecycle(self.core)
        self.life.init()
        return self.life

    def run(self, msg, *calls):
        """Bind calls, start, run each call, and return the results."""
        actions = [self.bind(*call) for call in calls]
        self.start()
        return [action.run(msg) for action in actions]


class TestFoobar:
    """The spec's example, section 1.8."""

    def test_its_exports(self, compiled):
        exports = native.load(compiled("foobar"))

        assert "foobar" == exports.name
        commands = [("foo_req", 2, REQUEST_ROUTE), ("foo_int", 2, 0)]
        assert commands == [(each.name, each.param_no, each.flags) for each in exports.commands]
        assert [("foo_bar", INT_PARAM), ("bar_foo", STR_PARAM)] == [
            (each.name, each.type) for each in exports.parameters
        ]
        assert [0, "default value"] == [each.param_pointer.load() for each in exports.parameters]
        assert (None, None) == (exports.response_f, exports.onbreak_f)

    def test_its_life(self, compiled):
        """The host is a program of its own, since C writes to standard output."""
        program = f"""
import sys
from sermod import REQUEST_ROUTE, Lifecycle, Registry
core = Registry()
core.load({str(compiled("foobar"))!r})
core.set_param("foobar", "foo_bar", 5)
core.set_param("foobar", "bar_foo", "gr\\u00f6\\u00dfe")
route = [core.bind("foo_req", "a", "b", route=REQUEST_ROUTE)]
with Lifecycle(core) as life:
    life.init_child(1)
    assert 1 == life.run_route(route, None)
    assert 5 == core.require_export("foo_int", 2).function(None)
"""
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60)

        assert [
            "foo module initializing",
            "child nr. 1 initializing",
            "foo_req(a, b): foo_bar is 5, bar_foo is größe",
            "foo module cleaning up",
        ] == done.stdout.decode().splitlines()


class TestEvery:
    """Every kind of export and null."""

    @pytest.fixture
    def host(self, compiled):
        return Host(compiled("every"))

    def log(self, host):
        read = host.core.require_export("~log", 0).function.typed(CFUNCTYPE(c_char_p))
        return read().decode().splitlines()

    def test_the_parameters(self, host):
        values = [(each.name, each.param_pointer.load()) for each in host.exports.parameters[4:]]

        assert [
            ("negative", -7),
            ("text", "a default"),
            ("no_text", None),
            ("same", 42),
            ("same", "text"),
        ] == values

    def test_setting_parameters(self, host):
        """A name with two types is set by type; an int has every value of C, a string has any bytes."""
        host.set(negative=-(2**31), text="größe\udcff", no_text="", same=2**31 - 1)
        host.set(same="other")
        values = [each.param_pointer.load() for each in host.exports.parameters[4:]]

        assert [-(2**31), "größe\udcff", "", 2**31 - 1, "other"] == values
        with pytest.raises(ParamTypeError):
            host.set(text=5)

    def test_c_sees_them(self, host):
        host.set(result=-17)

        assert [-17] == host.run(0, ("none",))

    def test_parameters_of_calls(self, host):
        """C gets the parameters of the script; omitted ones are null."""
        host.run(0x77, ("none",), ("one", "a"), ("two", "a", "b"), ("one", "a", "b"))

        assert ["init_f", "any 0x77 null null", "any 0x77 a null", "any 0x77 a b", "both 0x77 a b"] == self.log(host)

    def test_routes(self, host):
        host.bind("both", route=REQUEST_ROUTE | REPLY_ROUTE)
        with pytest.raises(RouteError):
            host.bind("reply")
        with pytest.raises(RouteError):
            host.bind("internal", "a", "b")

    def test_c_changes_its_parameter(self, host):
        """C may change the string of a call, as in a C core; the text of the script stays."""
        action = host.bind("upper", "abc")
        host.start()
        action.run(0)

        assert "upper 0 Abc null" in self.log(host)
        assert ("abc",) == action.params

    @pytest.mark.parametrize(("text", "first"), [("a", 97), ("ß", 0xC3), ("\udcfe", 0xFE), ("", 0)])
    def test_bytes(self, host, text, first):
        assert [first] == host.run(0, ("bytes", text))

    def test_the_hooks(self, host):
        host.set(response_result=0, result=0)
        action = host.bind("none")
        with Lifecycle(host.core) as life:
            life.init_child(1)
            assert life.process_reply(0x88) is False
            assert 0 == life.run_route([action], 0x99)

        assert [
            "init_f",
            "init_child_f 1",
            "response_f 0x88",
            "any 0x99 null null",
            "onbreak_f 0x99",
            "destroy_f",
        ] == self.log(host)

    def test_init_f_fails(self, host):
        host.set(init_result=-3)

        with pytest.raises(ModuleInitError) as failed:
            host.start()
        assert ("every_kind", -3) == (failed.value.module, failed.value.code)

    def test_init_child_f_fails(self, host):
        host.set(child_result=-4)

        with pytest.raises(ChildInitError) as failed:
            host.start().init_child(2)
        assert -4 == failed.value.code

    def test_functions_with_arguments_of_their_own(self, host):
        half = host.core.require_export("~half", 17).function.typed(CFUNCTYPE(c_double, c_double, c_int))

        assert math.isclose(2.5, half(10, 2))

    def test_internal_functions_called_by_python(self, host):
        found = []
        host.core.register(ModuleExports("python", init_f=lambda: found.append(sermod.find_export("internal", 2))))
        host.start()

        assert 1 == found[0].function(0x55, "from", "Python")
        assert 1 == found[0].function(0x55, b"from")
        assert ["init_f", "any 0x55 from Python", "any 0x55 from null"] == self.log(host)

    def test_a_child_has_memory_of_its_own(self, host):
        life = host.start()

        def child():
            life.init_child(3)
            return self.log(host)

        assert ["init_f", "init_child_f 3"] == in_child(child)
        assert ["init_f"] == self.log(host)

    def test_shadowing(self, host):
        """A Python module that shadows its command is refused, as for any module."""
        with pytest.raises(ShadowedCommandError):
            host.core.register(make_exports("m", CmdExport("both", lambda msg: 1, 0, 0, REPLY_ROUTE)))


def test_a_module_of_nothing(compiled):
    exports = native.load(compiled("nothing"))

    assert ModuleExports("nothing") == exports
    Registry().register(exports)


class TestFixups:
    """A C fixup runs once and owns its string, and the command gets what it leaves."""

    @pytest.fixture
    def host(self, compiled):
        return Host(compiled("fixups"))

    def test_a_number(self, host):
        msg = Message(10)

        assert [15, 17] == host.run(msg, ("add", "5"), ("add", "-1", "3"))
        assert [(5,), (2**64 - 1, 3)] == [action.fixed for action in host.core.actions]

    def test_a_structure(self, host):
        assert [512] == host.run(0, ("right_of", "abcde", "x"))

    @pytest.mark.parametrize(("text", "result"), [(b"OPTIONS sip:a", 1), (b"INVITE sip:a", -1)])
    def test_a_compiled_expression(self, host, text, result):
        assert [result] == host.run(Message(0, text), ("matches", "^(OPTIONS|REGISTER) "))

    def test_nothing(self, host):
        assert [1] == host.run(0, ("is_null", "something"))
        assert [(0,)] == [action.fixed for action in host.core.actions]

    def test_the_string_itself(self, host):
        """The number of the parameter counts from 1."""
        assert [12] == host.run(0, ("first_digit", "xx", "yy"))

    def test_they_run_once(self, host):
        action = host.bind("add", "1")
        host.start()
        msg = Message(0)

        assert [*range(1, 101)] == [action.run(msg) for _ in range(100)]

    @pytest.mark.parametrize(("call", "code"), [(("add", "many"), -1), (("add", "1", ""), -1), (("matches", "("), -3)])
    def test_a_refusal(self, host, call, code):
        host.bind(*call)

        with pytest.raises(FixupError, match=rf"<C function fixup of {call[0]} at .* returned {code}") as failed:
            host.start()
        assert ("fixups", call[0], len(call) - 1) == (failed.value.module, failed.value.command, failed.value.param_no)

    def test_by_hand(self, host):
        """A Python module may fix up the parameters of another module's command."""
        export = host.core.require_export("add", 1)
        msg = Message(1)

        assert 43 == export.function(msg, export.fixup("42", 1))


class TestCore:
    """A module that needs the symbols of a core, and its allocator. The tests' own process never opens the core."""

    def test_without_it_all_symbols_are_named(self, compiled):
        with pytest.raises(
            LoadError,
            match=r"defines tests_core_free, tests_core_used, tests_core_version, which it needs; .*core='libc",
        ):
            native.load(compiled("with_core"))

    def test_with_it(self, compiled, tmp_path):
        """The process is a new one, in which no test opened the core. The fixup aborts for a string of libc."""
        program = f"""
from sermod import REQUEST_ROUTE, Lifecycle, Registry, native
core = Registry()
core.register(native.load({str(compiled("with_core"))!r}, {str(compiled("core"))!r}, "tests_core_strdup"))
action = core.bind("version", "20", route=REQUEST_ROUTE)
with Lifecycle(core):
    print(action.run(0), core.require_export("~in_use", 0).function(0))
"""
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True, timeout=60)

        assert ("2023 0\n", "") == (done.stdout, done.stderr)

    def test_an_allocator_as_a_ctypes_function(self, compiled):
        """Its result is an address, whatever result the ctypes function declares."""
        library, module = compiled("core"), compiled("with_core")

        def child():
            core = ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
            return native.load(module, strdup=core.tests_core_strdup).commands[0].fixup("12", 1)

        assert 12 == in_child(child)

    def test_an_allocator_in_python(self, compiled):
        library, module = compiled("core"), compiled("with_core")

        def child():
            core = ctypes.CDLL(str(library))
            allocated = []

            def strdup(raw):
                allocated.append(raw)
                return CFUNCTYPE(ctypes.c_void_p, c_char_p)(("tests_core_strdup", core))(raw)

            exports = native.load(module, core=library, strdup=strdup)
            return exports.commands[0].fixup("12", 1), allocated

        assert (12, [b"12"]) == in_child(child)


class TestAsking:
    """A C module that uses commands of other modules."""

    @pytest.fixture
    def host(self, compiled):
        return Host(compiled("asking"))

    def test_a_python_command(self, host):
        journal = []
        host.core.register(make_exports("m", CmdExport("answer", lambda msg, a: journal.append((msg, a)) or 42, 1)))

        assert [42] == host.run(0x66, ("ask", "größe"))
        assert [(0x66, "größe")] == journal

    def test_a_c_command(self, host, compiled):
        every = native.load(compiled("every"))
        host.core.register(every)
        host.set(wanted="both", wanted_params=0)
        host.core.register(make_exports("m", CmdExport("answer", lambda msg, a: 1, 1)))

        assert [1] == host.run(0x66, ("ask", "x"))
        log = host.core.require_export("~log", 0).function.typed(CFUNCTYPE(c_char_p))()
        assert b"both 0x66 " in log

    def test_an_internal_command_of_an_odd_name(self, host):
        journal = []
        host.core.register(
            make_exports(
                "m",
                CmdExport("answer", lambda msg, a: 1, 1),
                CmdExport("~internal", lambda msg, a, b: journal.append((a, b)) or 7, 2),
            )
        )

        assert [7] == host.run(0, ("ask_internal", "one", "two"))
        assert [("one", "two")] == journal

    def test_the_message_is_the_object_of_the_host(self, host):
        """The Python command gets from C the object that the host passed to C."""
        journal = []
        host.core.register(make_exports("m", CmdExport("answer", lambda msg, a: journal.append(msg) or 1, 1)))
        msg = Message(5)
        host.run(msg, ("ask", "x"))

        assert journal[0] is msg

    def test_nothing_is_found(self, host):
        host.set(wanted="no_such")

        with pytest.raises(ModuleInitError) as failed:
            host.start()
        assert -1 == failed.value.code

    def test_too_late(self, host, caplog):
        host.core.register(make_exports("m", CmdExport("answer", lambda msg, a: 1, 1)))

        assert [1] == host.run(0, ("ask_late",))
        assert "called outside of hooks and fixups" in caplog.text

    def test_an_exception_of_the_python_command(self, host, caplog):
        host.core.register(make_exports("m", CmdExport("answer", lambda msg, a: int(a), 1)))

        assert [-1] == host.run(0, ("ask", "many"))
        assert isinstance(native.recent_errors()[-1], ValueError)
        assert "'answer' of module 'another module', called from C, failed" in caplog.text


class TestMisbehaving:
    """A module with commands that crash does no harm while they are not called."""

    def test_a_harmless_command(self, compiled, capfd):
        host = Host(compiled("misbehaving"))

        assert [1] == host.run(0, ("well",))
        native.flush()
        assert "all is well\n" == capfd.readouterr().out


def test_rebuilt(tmp_path):
    """A module that is compiled again to the same file is loaded with its new code."""
    from compiling import compile_text

    def build(answer):
        text = f"""
#include <sermod.h>
static int answer(struct sip_msg *msg, char *a, char *b)
{{
	return {answer} + (msg != 0) + (a != 0) + (b != 0);
}}
static cmd_export_t cmds[] = {{{{"answer", answer, 0, 0, REQUEST_ROUTE}}, {{0, 0, 0, 0, 0}}}};
struct module_exports exports = {{"again", cmds, 0, 0, 0, 0, 0, 0}};
"""
        return native.load(compile_text(text, tmp_path, "again")).commands[0].function

    first, second = build(1), build(2)

    assert (1, 2, 1) == (first(0), second(0), first(0))

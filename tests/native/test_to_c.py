"""A Python module as C structures: ctypes plays the core, and follows the pointer."""

import asyncio
import ctypes
import gc
import logging
import sys
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_double, c_int, c_void_p

import pytest
from making import make_exports

import sermod
from sermod import (
    INT_PARAM,
    REPLY_ROUTE,
    REQUEST_ROUTE,
    STR_PARAM,
    Cell,
    CmdExport,
    CommandResultError,
    FixupError,
    InvalidExportsError,
    LifecycleError,
    MissingParamError,
    ModuleExports,
    ParamExport,
    ParamValueError,
    Pointer,
    UnknownCommandError,
)
from sermod.native import NativeCommand, NativeFixup, NativeHook, failures, to_c
from sermod.native.layout import CmdExportStruct, ParamExportStruct
from sermod.native.lookup import CoreLookup
from sermod.native.parameters import IntVariable, StringVariable

MESSAGE = 0x5060


class Cmd(ctypes.Structure):
    _fields_ = (
        ("name", c_char_p),
        ("function", CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p)),
        ("param_no", c_int),
        ("fixup", CFUNCTYPE(c_int, POINTER(c_void_p), c_int)),
        ("flags", c_int),
    )


class Param(ctypes.Structure):
    _fields_ = (("name", c_char_p), ("type", c_int), ("param_pointer", c_void_p))


class Module(ctypes.Structure):
    """``struct module_exports``, as a core sees it."""

    _fields_ = (
        ("name", c_char_p),
        ("cmds", POINTER(Cmd)),
        ("params", POINTER(Param)),
        ("init_f", CFUNCTYPE(c_int)),
        ("response_f", CFUNCTYPE(c_int, c_void_p)),
        ("destroy_f", CFUNCTYPE(None)),
        ("onbreak_f", CFUNCTYPE(None, c_void_p)),
        ("init_child_f", CFUNCTYPE(c_int, c_int)),
    )


def seen_by_c(native):
    return Module.from_address(native.address)


def entries(array):
    """Walk an array up to its terminator."""
    index = 0
    while array and array[index].name is not None:
        yield array[index]
        index += 1


def command(function, param_no=0, fixup=None, flags=REQUEST_ROUTE, **arguments):
    """Give a module with one command to C."""
    return to_c(make_exports("m", CmdExport("c", function, param_no, fixup, flags)), **arguments)


def call(native, *arguments):
    """Call the first command as C does, with three arguments; omitted ones are null."""
    cmd = next(entries(seen_by_c(native).cmds))
    kept = [ctypes.create_string_buffer(each) if isinstance(each, bytes) else each for each in arguments]
    places = [ctypes.addressof(each) if isinstance(each, ctypes.Array) else each for each in kept]
    return cmd.function(*[*places, None, None, None][:3])


def fix_up(native, text, number=1):
    """Call the fixup of the first command as C does; return its result and the number that it left."""
    cmd = next(entries(seen_by_c(native).cmds))
    buffer = None if text is None else ctypes.create_string_buffer(text)
    place = c_void_p(None if buffer is None else ctypes.addressof(buffer))
    code = cmd.fixup(ctypes.byref(place), number)
    return code, place.value


class TestStructure:
    def test_every_field(self):
        def function(msg):
            return 1

        commands = [
            CmdExport("first", function, 0, 0, REQUEST_ROUTE | REPLY_ROUTE),
            CmdExport("größe\udcff", lambda msg, a: 1, 1, lambda param, param_no: param, 0),
            CmdExport("~odd", lambda msg, a, b: 1, 17),
        ]
        params = [ParamExport("number", INT_PARAM, Cell(5)), ParamExport("text", STR_PARAM, Cell("größe"))]
        with to_c(make_exports("m", *commands, *params)) as native:
            module = seen_by_c(native)

            assert b"m" == module.name
            assert [
                (b"first", 0, False, 3),
                ("größe".encode() + b"\xff", 1, True, 0),
                (b"~odd", 17, False, 0),
            ] == [(cmd.name, cmd.param_no, bool(cmd.fixup), cmd.flags) for cmd in entries(module.cmds)]
            number, text = entries(module.params)
            assert (b"number", 1, 5) == (number.name, number.type, c_int.from_address(number.param_pointer).value)
            assert (b"text", 0) == (text.name, text.type)
            assert "größe".encode() == c_char_p.from_address(text.param_pointer).value

    def test_nulls(self):
        with to_c(ModuleExports("m")) as native:
            module = seen_by_c(native)

            assert [False] * 7 == [bool(getattr(module, field)) for field, *_ in Module._fields_[1:]]

    def test_empty_arrays(self):
        with to_c(ModuleExports("m", [CmdExport()], [ParamExport()])) as native:
            module = seen_by_c(native)

            assert module.cmds
            assert module.params
            assert [] == [*entries(module.cmds), *entries(module.params)]

    def test_the_pointer_and_the_address(self):
        with to_c(ModuleExports("m")) as native:
            assert native.address == ctypes.cast(native.pointer, c_void_p).value
            assert b"m" == ctypes.string_at(native.pointer.contents.name)

    def test_flags_of_later_cores_survive(self):
        with command(lambda msg: 1, flags=0x8000_0001) as native:
            assert 0x8000_0001 == next(entries(seen_by_c(native).cmds)).flags & 0xFFFF_FFFF

    def test_broken_rules_are_refused(self):
        with pytest.raises(InvalidExportsError):
            to_c(ModuleExports("m", [CmdExport("c")]))

    def test_warnings_are_readable(self):
        with command(lambda msg: 1, flags=9) as native:
            assert ["unknown-flag"] == [found.code for found in native.problems]

    def test_it_keeps_everything_alive(self):
        native = command(lambda msg, a, b: len(a) + len(b), 2)
        gc.collect()
        garbage = [bytearray(1000) for _ in range(1000)]

        assert 5 == call(native, MESSAGE, b"ab", b"cde")
        assert 1000 == len(garbage)

    def test_repr(self):
        native = to_c(ModuleExports("m"))
        assert f"<NativeExports of 'm' at {native.address:#x}>" == repr(native)
        native.close()
        assert "<NativeExports of 'm' closed>" == repr(native)


class TestCommand:
    @pytest.mark.parametrize("result", [1, 0, -1, -2, 2**31 - 1, -(2**31), sermod.REPLY_ROUTE])
    @pytest.mark.parametrize("param_no", [0, 1, 2])
    @pytest.mark.parametrize("is_fixed", [False, True])
    def test_results(self, result, param_no, is_fixed):
        def function(msg, *params):
            return result

        fixup = (lambda param, param_no: param) if is_fixed and param_no else None
        with command(function, param_no, fixup) as native:
            params = [fix_up(native, b"x")[1] if fixup else b"x" for _ in range(param_no)]

            assert int(result) == call(native, MESSAGE, *params)
            assert () == native.errors

    @pytest.mark.parametrize("param_no", [0, 1, 2])
    def test_the_message_and_its_number_of_strings(self, param_no):
        journal = []
        functions = {
            0: lambda msg: journal.append((msg,)) or 1,
            1: lambda msg, a: journal.append((msg, a)) or 1,
            2: lambda msg, a, b: journal.append((msg, a, b)) or 1,
        }
        with command(functions[param_no], param_no) as native:
            call(native, MESSAGE, b"one", b"two")

        assert [(MESSAGE, "one", "two")[: 1 + param_no]] == journal

    @pytest.mark.parametrize(("param_no", "params"), [(0, (None, None)), (1, ("one", None)), (2, ("one", "two"))])
    def test_the_c_shape(self, param_no, params):
        """A function in the C shape gets None for omitted parameters."""
        journal = []

        def function(msg, param1, param2):
            journal.append((msg, param1, param2))
            return 1

        with command(function, param_no) as native:
            assert 1 == call(native, MESSAGE, b"one", b"two")

        assert [(MESSAGE, *params)] == journal

    @pytest.mark.parametrize("param_no", [17, -5, 3])
    def test_an_odd_number_of_parameters(self, param_no):
        """A command for other modules may have any number; C passes strings."""
        journal = []
        with command(lambda msg, a, b: journal.append((msg, a, b)) or 1, param_no, flags=0) as native:
            assert 1 == call(native, MESSAGE, b"one", None)

        assert [(MESSAGE, "one", None)] == journal

    def test_nulls(self):
        journal = []
        with command(lambda msg, a: journal.append((msg, a)) or 1, 1) as one:
            call(one, None, None)
        with command(lambda msg, a, b: journal.append((msg, a, b)) or 1, 2) as two:
            call(two, None, b"x", None)
            call(two, None, None, b"x")

        assert [(None, None), (None, "x", None), (None, None, "x")] == journal

    @pytest.mark.parametrize("raw", [b"", "größe".encode(), b"\xff\x80", b"a" * 10_000])
    def test_any_bytes(self, raw):
        journal = []
        with command(lambda msg, a, b: journal.extend((a, b)) or 1, 2) as native:
            call(native, MESSAGE, raw, raw)
        with command(lambda msg, a: journal.append(a) or 1, 1) as native:
            call(native, MESSAGE, raw)

        assert [raw.decode("utf-8", "surrogateescape")] * 3 == journal

    def test_the_message_is_made_of_the_address(self):
        journal = []
        with command(
            lambda msg, a: journal.append((msg, a)) or 1, 1, message=lambda address: f"message {address:#x}"
        ) as native:
            call(native, MESSAGE, b"x")

        assert [("message 0x5060", "x")] == journal

    def test_methods_and_other_callables(self):
        class Module:
            def method(self, msg, param):
                return len(param)

            __call__ = method

        for function in (Module().method, Module()):
            with command(function, 1) as native:
                assert 3 == call(native, MESSAGE, b"abc")


class TestFixups:
    def test_the_command_gets_the_fixed_object(self):
        journal = []
        given = object()
        native = command(lambda msg, a, b: journal.append((a, b)) or 1, 2, lambda param, number: (param, number, given))
        params = [fix_up(native, text, number) for number, text in enumerate([b"one", b"two"], 1)]

        assert [0, 0] == [code for code, _ in params]
        assert 1 == call(native, MESSAGE, *[left for _, left in params])
        assert [(("one", 1, given), ("two", 2, given))] == journal

    def test_each_call_of_the_script_has_its_own_value(self):
        journal = []
        native = command(lambda msg, a: journal.append(a) or 1, 1, lambda param, number: param.upper())
        places = [fix_up(native, text)[1] for text in (b"one", b"two", b"one")]
        for place in reversed(places):
            call(native, MESSAGE, place)

        assert ["ONE", "TWO", "ONE"] == journal
        assert 3 == len({*places})

    def test_a_null_parameter_of_a_call(self):
        """Other modules may pass null."""
        journal = []
        with command(lambda msg, a, b: journal.append((a, b)) or 1, 2, lambda param, number: param) as native:
            assert 1 == call(native, MESSAGE, None, fix_up(native, b"x")[1])
        with command(lambda msg, a: journal.append(a) or 1, 1, lambda param, number: param) as native:
            assert 1 == call(native, MESSAGE, None)

        assert [(None, "x"), None] == journal

    @pytest.mark.parametrize("param_no", [1, 2])
    @pytest.mark.parametrize("garbage", [99, 0x7FFF_0000_0000, 2**64 - 1])
    def test_a_number_that_is_not_a_handle(self, param_no, garbage):
        """A module that did not call the fixup passes the address of a string, for example."""
        native = command(lambda msg, *params: 1, param_no, lambda param, number: param)

        assert -1 == call(native, MESSAGE, *[garbage] * param_no)
        assert f"C passed {garbage:#x} as parameter 1, which the command's fixup did not" in str(native.last_error)

    def test_an_index_error_of_the_command(self):
        """The command's own IndexError is kept, not explained as a wrong handle."""
        for param_no in (1, 2):
            native = command(lambda msg, *params: params[5], param_no, lambda param, number: param)
            assert -1 == call(native, MESSAGE, *[fix_up(native, b"x")[1] for _ in range(param_no)])
            assert isinstance(native.last_error, IndexError)

    def test_a_refusal(self):
        def fixup(param, number):
            raise ValueError(f"{param!r} is too long")

        native = command(lambda msg, a: 1, 1, fixup)
        code, _ = fix_up(native, b"x")

        assert -1 == code
        assert "'x' is too long" == str(native.last_error)

    def test_a_forgotten_return(self):
        native = command(lambda msg, a: 1, 1, lambda param, number: None)

        assert -1 == fix_up(native, b"x")[0]
        error = native.last_error
        assert isinstance(error, FixupError)
        assert "'c' of module 'm': for parameter 1, 'x', the fixup returned None; it must return" in str(error)
        assert ("m", "c", 1, "x") == (error.module, error.command, error.param_no, error.value)

    def test_a_coroutine_function(self):
        """A fixup must be a plain function: the coroutine is closed, and the error says so."""

        async def fixup(param, number):
            return await asyncio.sleep(0, param)

        native = command(lambda msg, a, b: 1, 2, fixup)

        assert -1 == fix_up(native, b"x", 2)[0]
        assert isinstance(native.last_error, FixupError)
        assert "for parameter 2, 'x', the fixup returned a coroutine, which is never awaited" in str(native.last_error)

    def test_no_string(self):
        native = command(lambda msg, a: 1, 1, lambda param, number: param)

        assert (-1, None) == fix_up(native, None)
        assert "C passed a null pointer as parameter 1" in str(native.last_error)

    def test_the_string_is_freed_by_the_given_function(self):
        freed = []
        function = CFUNCTYPE(None, c_void_p)(freed.append)
        for free in (freed.append, function):
            with command(lambda msg, a: 1, 1, lambda param, number: param, free=free) as native:
                assert 0 == fix_up(native, b"x")[0]

        assert 2 == len(freed)
        assert all(freed)

    def test_free_by_name(self):
        """The free of libc, for a string of its strdup."""
        libc = ctypes.CDLL(None)
        strdup = CFUNCTYPE(c_void_p, c_char_p)(("strdup", libc))
        journal = []
        with command(lambda msg, a: journal.append(a) or 1, 1, lambda param, number: param, free="free") as native:
            cmd = next(entries(seen_by_c(native).cmds))
            place = c_void_p(strdup(b"text"))
            assert 0 == cmd.fixup(ctypes.byref(place), 1)
            call(native, MESSAGE, place.value)

        assert ["text"] == journal

    def test_a_refused_string_is_not_freed(self):
        freed = []
        native = command(lambda msg, a: 1, 1, lambda param, number: int(param), free=freed.append)
        fix_up(native, b"x")

        assert [] == freed

    @pytest.mark.parametrize("free", ["no_such_function", 5])
    def test_no_function_to_free_with(self, free):
        with pytest.raises((LookupError, TypeError), match=r"to_c\(free=...\)"):
            command(lambda msg: 1, free=free)


class TestFailures:
    """For every failure in Python, C gets -1, and the exception is logged and kept."""

    @pytest.fixture(autouse=True)
    def _logged(self, caplog):
        self.caplog = caplog

    def logged(self):
        return [(record.name, record.levelno) for record in self.caplog.records]

    @pytest.mark.parametrize("error", [ValueError("wrong"), KeyboardInterrupt(), SystemExit(3), GeneratorExit()])
    @pytest.mark.parametrize("param_no", [0, 1, 2])
    def test_an_exception(self, error, param_no):
        def function(msg, *params):
            raise error

        native = command(function, param_no)
        result = call(native, MESSAGE, *[b"x"] * param_no)

        assert -1 == result
        assert native.last_error is error
        assert [("sermod.native", logging.ERROR)] == self.logged()
        assert "'c' of module 'm', called from C, failed" in self.caplog.text
        assert "in function" in self.caplog.text, "the traceback"

    @pytest.mark.parametrize("result", [None, True, False, "one", 1.5, 2**31, -(2**31) - 1, object()])
    def test_a_wrong_result(self, result):
        native = command(lambda msg: result)

        assert -1 == call(native, MESSAGE)
        assert isinstance(native.last_error, CommandResultError)
        assert ("m", "c", result) == (native.last_error.module, native.last_error.command, native.last_error.value)
        assert "which is not a result: return an int of 32 bits" in str(native.last_error)

    def test_a_coroutine(self):
        """It is closed, since C does not await it."""

        async def function(msg):
            await asyncio.sleep(0)
            return 1

        native = command(function)

        assert -1 == call(native, MESSAGE)
        assert isinstance(native.last_error, CommandResultError)

    def test_the_last_ones_are_kept(self):
        counter = iter(range(1000))

        def function(msg):
            raise ValueError(next(counter))

        native = command(function)
        for _ in range(300):
            call(native, MESSAGE)

        assert 100 == len(native.errors)
        assert [200, 299] == [native.errors[at].args[0] for at in (0, -1)]

    def test_nothing_went_wrong(self):
        native = command(lambda msg: 1)
        call(native, MESSAGE)

        assert ((), None) == (native.errors, native.last_error)

    def test_a_handler_of_logging_that_raises(self):
        """C gets -1 all the same, and both exceptions are kept."""

        class Broken(logging.Handler):
            def emit(self, record):
                raise OSError("broken")

        handler = Broken()
        logging.getLogger("sermod.native").addHandler(handler)
        try:
            native = command(lambda msg: 1 / 0)
            assert -1 == call(native, MESSAGE)
        finally:
            logging.getLogger("sermod.native").removeHandler(handler)
        assert [ZeroDivisionError, OSError] == [type(error) for error in native.errors]

    @pytest.mark.parametrize("exports", [None, "foobar", sermod.Module], ids=["None", "str", "class"])
    def test_other_objects_than_exports(self, exports):
        """A class of a module is refused as well: only its instance has exports."""
        with pytest.raises(TypeError, match=r"^to_c\(\) takes a ModuleExports, such as the exports of a Module \(got "):
            to_c(exports)

    def test_a_message_argument_that_is_not_callable(self):
        with pytest.raises(TypeError, match=r"to_c\(message=...\) takes a function of the address \(got 5\)"):
            command(lambda msg: 1, message=5)

    def test_a_message_that_cannot_be_made(self):
        def message(address):
            raise LookupError(address)

        native = command(lambda msg: 1, message=message)

        assert -1 == call(native, MESSAGE)
        assert isinstance(native.last_error, LookupError)


class TestHooks:
    def hooked(self, **hooks):
        self.native = to_c(ModuleExports("m", **hooks))
        return seen_by_c(self.native)

    def test_their_arguments(self):
        journal = []
        module = self.hooked(
            init_f=lambda: journal.append("init"),
            response_f=lambda msg: journal.append(msg) or 0,
            destroy_f=lambda: journal.append("destroy"),
            onbreak_f=journal.append,
            init_child_f=journal.append,
        )
        results = (
            module.init_f(),
            module.init_child_f(-4),
            module.response_f(1),
            module.onbreak_f(2),
            module.destroy_f(),
        )

        assert (0, 0, 0, None, None) == results
        assert ["init", -4, 1, 2, "destroy"] == journal
        assert () == self.native.errors

    @pytest.mark.parametrize("code", [0, 1, -5, None])
    def test_codes_of_initialisation(self, code):
        module = self.hooked(init_f=lambda: code, init_child_f=lambda rank: code)

        assert (code or 0, code or 0) == (module.init_f(), module.init_child_f(1))

    @pytest.mark.parametrize("code", [True, "0", 2**31])
    def test_wrong_codes(self, code):
        module = self.hooked(init_f=lambda: code, init_child_f=lambda rank: code, response_f=lambda msg: code)

        assert (-1, -1, -1) == (module.init_f(), module.init_child_f(1), module.response_f(1))
        assert [CommandResultError] * 3 == [type(error) for error in self.native.errors]
        texts = ["0 for success, less than 0 for failure"] * 2 + ["0 to drop the reply, any other number to pass it on"]
        assert [f"return an int of 32 bits, {text}" for text in texts] == [
            str(error).rpartition(": ")[2] for error in self.native.errors
        ]

    def test_a_reply_needs_a_result(self):
        """A forgotten return is an error, and does not drop the reply."""
        module = self.hooked(response_f=lambda msg: None)

        assert -1 == module.response_f(1)
        assert isinstance(self.native.last_error, CommandResultError)

    def test_results_of_hooks_without_a_result_are_ignored(self):
        module = self.hooked(destroy_f=lambda: "bye", onbreak_f=lambda msg: object())
        module.destroy_f()
        module.onbreak_f(1)

        assert () == self.native.errors

    def test_exceptions(self):
        def fail(*arguments):
            raise ValueError(arguments)

        module = self.hooked(init_f=fail, response_f=fail, destroy_f=fail, onbreak_f=fail, init_child_f=fail)
        module.destroy_f()
        module.onbreak_f(2)

        assert (-1, -1, -1) == (module.init_f(), module.init_child_f(1), module.response_f(1))
        assert [(), (2,), (), (1,), (1,)] == [error.args[0] for error in self.native.errors]

    def test_messages_are_made(self):
        journal = []
        native = to_c(
            ModuleExports("m", response_f=lambda msg: journal.append(msg) or 1, onbreak_f=journal.append),
            message=lambda address: -address,
        )
        seen_by_c(native).response_f(1)
        seen_by_c(native).onbreak_f(2)

        assert [-1, -2] == journal


class TestParameters:
    """C writes to memory, and the Python module has the values from its init_f on."""

    def give(self, *params, init_f=None):
        self.native = to_c(ModuleExports("m", None, [*params, ParamExport()], init_f))
        self.module = seen_by_c(self.native)
        self.kept = []

    def write(self, index, value):
        place = [*entries(self.module.params)][index].param_pointer
        if isinstance(value, int):
            c_int.from_address(place).value = value
        else:
            self.kept.append(None if value is None else ctypes.create_string_buffer(value))
            c_void_p.from_address(place).value = None if value is None else ctypes.addressof(self.kept[-1])

    def test_values(self):
        number, text, null = Cell(5), Cell("default"), Cell(None)
        seen = []
        self.give(
            ParamExport("number", INT_PARAM, number),
            ParamExport("text", STR_PARAM, text),
            ParamExport("null", STR_PARAM, null),
            init_f=lambda: seen.append((number.load(), text.load(), null.load())),
        )
        self.write(0, -7)
        self.write(1, "größe".encode() + b"\xff")
        self.write(2, b"")
        assert (5, "default", None) == (number.load(), text.load(), null.load()), "not before init_f"

        assert 0 == self.module.init_f()
        assert [(-7, "größe\udcff", "")] == seen

    def test_to_null(self):
        text = Cell("default")
        self.give(ParamExport("text", STR_PARAM, text))
        self.write(0, None)

        assert 0 == self.module.init_f(), "it exists to store the parameters"
        assert text.load() is None

    def test_unwritten_parameters_are_not_stored(self):
        class Once(Pointer[int]):
            def load(self):
                return 5

            def store(self, value):
                raise AssertionError(value)

        self.give(ParamExport("number", INT_PARAM, Once()))

        assert 0 == self.module.init_f()

    def test_a_refused_value(self):
        """Nothing is stored, init_f is not called, and the core stops."""

        class Positive(Pointer[int]):
            def load(self):
                return 1

            def check(self, value):
                if value < 1:
                    raise ValueError("it must be positive")

            def store(self, value):
                raise AssertionError(value)

        other = Cell(0)
        called = []
        self.give(
            ParamExport("other", INT_PARAM, other),
            ParamExport("positive", INT_PARAM, Positive()),
            init_f=lambda: called.append(1),
        )
        self.write(0, 1)
        self.write(1, -1)

        assert -1 == self.module.init_f()
        assert ([], 0) == (called, other.load())
        error = self.native.last_error
        assert isinstance(error, ParamValueError)
        assert ("m", "positive", -1) == (error.module, error.param, error.value)
        assert "is refused: it must be positive" in str(error)

    def test_a_value_that_cannot_be_stored(self):
        """The parameter before it has the value that it had before, and init_f is not called."""

        class Broken(Pointer[str]):
            def load(self):
                return "default"

            def store(self, value):
                raise OSError("broken")

        first = Cell(5)
        called = []
        self.give(
            ParamExport("first", INT_PARAM, first),
            ParamExport("second", STR_PARAM, Broken()),
            init_f=lambda: called.append(first.load()),
        )
        self.write(0, 6)
        self.write(1, b"new")

        assert -1 == self.module.init_f()
        assert ([], 5) == (called, first.load())
        error = self.native.last_error
        assert isinstance(error, ParamValueError)
        assert ("m", "second", "new") == (error.module, error.param, error.value)
        assert "cannot be stored" in str(error)

    def test_init_f_runs_again_after_a_value_could_not_be_stored(self):
        """Nothing counts as stored until everything is: the next init_f stores it all."""

        class SecondTime(Pointer[int]):
            value = 1
            is_busy = True

            def load(self):
                return self.value

            def store(self, value):
                if self.is_busy:
                    self.is_busy = False
                    raise OSError("busy")
                self.value = value

        first, second = Cell(5), SecondTime()
        self.give(ParamExport("first", INT_PARAM, first), ParamExport("second", INT_PARAM, second))
        self.write(0, 6)
        self.write(1, 7)

        assert [-1, 0] == [self.module.init_f(), self.module.init_f()]
        assert (6, 7) == (first.load(), second.load())

    def test_a_value_that_is_taken(self):
        stored = []

        class Checked(Pointer[int]):
            def load(self):
                return 1

            def check(self, value):
                stored.append(("check", value))

            def store(self, value):
                stored.append(("store", value))

        self.give(ParamExport("number", INT_PARAM, Checked()))
        self.write(0, 3)
        self.module.init_f()

        assert [("check", 3), ("store", 3)] == stored

    @pytest.mark.parametrize(("kind", "value", "raw"), [(INT_PARAM, 0, 0), (STR_PARAM, "text", b"text")])
    def test_a_required_one(self, kind, value, raw):
        class Required(Pointer[object]):
            required = True
            value = None

            def load(self):
                return value if self.value is None else self.value

            def store(self, value):
                self.value = value

        pointer = Required()
        self.give(ParamExport("needed", kind, pointer))
        assert -1 == self.module.init_f()
        assert isinstance(self.native.last_error, MissingParamError)
        assert (("m", "needed"),) == self.native.last_error.params
        self.write(0, raw)

        assert 0 == self.module.init_f()
        assert value == pointer.value
        assert 0 == self.module.init_f(), "it is set already"

    def test_init_f_runs_again(self):
        """A stored value is not stored again."""
        number = Cell(5)
        self.give(ParamExport("number", INT_PARAM, number))
        self.write(0, 6)
        self.module.init_f()
        number.store(7)
        self.module.init_f()

        assert 7 == number.load()


class TestPrototypes:
    """Internal commands with arguments of their own."""

    def test_a_prototype(self):
        prototype = CFUNCTYPE(c_double, c_double, c_char_p)
        native = command(lambda number, text: number * len(text), 17, flags=0, prototypes={"c": prototype})
        function = prototype(ctypes.cast(next(entries(seen_by_c(native).cmds)).function, c_void_p).value)

        assert 7.5 == function(2.5, b"abc")

    def test_a_function_that_ctypes_made(self):
        """C calls it directly."""
        prototype = CFUNCTYPE(c_double, c_double)
        half = prototype(lambda number: number / 2)
        native = command(half, 1, flags=0)
        address = ctypes.cast(next(entries(seen_by_c(native).cmds)).function, c_void_p).value

        assert ctypes.cast(half, c_void_p).value == address

    @pytest.mark.parametrize(
        ("restype", "result", "failure"),
        [
            (c_int, "text", -1),
            (c_int, 2**31, -1),
            (ctypes.c_uint, -1, 2**32 - 1),
            (c_double, "text", -1.0),
            (c_void_p, "text", None),
            (c_void_p, -1, None),
            (c_char_p, 1.5, None),
            (ctypes.c_char, "text", b"\xff"),
            (ctypes.c_wchar, 5, "\0"),
            (ctypes.c_bool, None, False),
            (ctypes.c_bool, 5, False),
        ],
    )
    def test_a_result_that_does_not_fit(self, restype, result, failure):
        prototype = CFUNCTYPE(restype)
        native = command(lambda: result, flags=0, prototypes={"c": prototype})
        function = prototype(ctypes.cast(next(entries(seen_by_c(native).cmds)).function, c_void_p).value)

        assert failure == function()
        assert isinstance(native.last_error, (TypeError, OverflowError))

    @pytest.mark.parametrize(
        ("restype", "result"),
        [
            (c_int, -5),
            (c_int, True),
            (c_double, 3),
            (c_void_p, 0x1234),
            (c_void_p, None),
            (c_char_p, None),
            (c_char_p, b"text"),
            (ctypes.c_wchar_p, "größe"),
            (ctypes.c_char, b"x"),
            (ctypes.c_wchar, "ß"),
            (ctypes.c_bool, True),
        ],
    )
    def test_a_result_that_fits(self, restype, result):
        prototype = CFUNCTYPE(restype)
        native = command(lambda: result, flags=0, prototypes={"c": prototype})
        function = prototype(ctypes.cast(next(entries(seen_by_c(native).cmds)).function, c_void_p).value)

        assert result == function()
        assert () == native.errors

    def test_the_address_of_a_string(self):
        """The address is passed on, and its memory is not read."""
        native = command(lambda: 0x1234, flags=0, prototypes={"c": CFUNCTYPE(c_char_p)})
        function = CFUNCTYPE(c_void_p)(ctypes.cast(next(entries(seen_by_c(native).cmds)).function, c_void_p).value)

        assert 0x1234 == function()
        assert () == native.errors

    def test_strings_stay_alive(self):
        """C may keep a string, and the same string is the same memory at each call."""
        results = iter([b"first", b"second", b"first"])
        native = command(lambda: next(results), flags=0, prototypes={"c": CFUNCTYPE(c_char_p)})
        function = CFUNCTYPE(c_void_p)(ctypes.cast(next(entries(seen_by_c(native).cmds)).function, c_void_p).value)
        first, second, again = function(), function(), function()
        gc.collect()

        assert first == again
        assert [b"first", b"second"] == [ctypes.string_at(place) for place in (first, second)]

    @pytest.mark.parametrize("restype", [Cmd, POINTER(c_int)])
    def test_a_result_that_no_python_function_can_have(self, restype):
        message = rf"command 'c': a Python function cannot return {restype.__name__} to C; declare a pointer as "
        with pytest.raises(TypeError, match=message):
            command(lambda: 1, flags=0, prototypes={"c": CFUNCTYPE(restype)})

    def test_no_result(self):
        journal = []
        prototype = CFUNCTYPE(None, c_int)
        native = command(lambda number: journal.append(1 // number), flags=0, prototypes={"c": prototype})
        function = prototype(ctypes.cast(next(entries(seen_by_c(native).cmds)).function, c_void_p).value)
        function(1)
        function(0)

        assert [1] == journal
        assert isinstance(native.last_error, ZeroDivisionError)

    @pytest.mark.parametrize(
        ("param_no", "number"), [(0, "0 parameters"), (1, "1 parameter"), (2, "2 parameters"), (4, "4 parameters")]
    )
    def test_a_missing_prototype(self, param_no, number):
        message = rf"'c' of module 'm' cannot be called from C as .* nor with {number}: .*prototypes=\{{'c': CFUNCTYPE"
        with pytest.raises(TypeError, match=message):
            command(lambda a, b, c, d, e: 1, param_no, flags=0)

    def test_an_unknown_name(self):
        with pytest.raises(UnknownCommandError, match="module 'm' has no command 'd'"):
            command(lambda msg: 1, prototypes={"d": CFUNCTYPE(c_int)})

    @pytest.mark.parametrize(
        "prototype", [c_int, CFUNCTYPE(c_int)(0), "int(*)(void)"], ids=["type", "function", "text"]
    )
    def test_a_wrong_prototype(self, prototype):
        with pytest.raises(TypeError, match=r"a prototype is what ctypes.CFUNCTYPE\(\) returns"):
            command(lambda msg: 1, prototypes={"c": prototype})


class TestNativeParts:
    """C gets the address of a function or variable that is in C."""

    def test_commands_fixups_hooks_and_variables(self):
        number, text = c_int(), c_void_p()
        exports = ModuleExports(
            "m",
            [CmdExport("c", NativeCommand("c", 0x1000), 1, NativeFixup("f", 0x2000, lambda raw: 1), 0), CmdExport()],
            [
                ParamExport("number", INT_PARAM, IntVariable(ctypes.addressof(number))),
                ParamExport("text", STR_PARAM, StringVariable(ctypes.addressof(text), [])),
                ParamExport(),
            ],
            NativeHook("init_f", 0x3000),
            NativeHook("response_f", 0x4000),
            NativeHook("destroy_f", 0x5000),
            NativeHook("onbreak_f", 0x6000),
            NativeHook("init_child_f", 0x7000),
        )
        with to_c(exports) as native:
            top = native.pointer.contents
            cmd = CmdExportStruct.from_address(top.cmds)
            params = [ParamExportStruct.from_address(top.params + 24 * index) for index in range(2)]

            assert (0x1000, 0x2000) == (cmd.function, cmd.fixup)
            assert [ctypes.addressof(number), ctypes.addressof(text)] == [param.param_pointer for param in params]
            hooks = (top.init_f, top.response_f, top.destroy_f, top.onbreak_f, top.init_child_f)
            assert (0x3000, 0x4000, 0x5000, 0x6000, 0x7000) == hooks

    def test_a_python_fixup_of_a_c_function(self):
        with pytest.raises(TypeError, match="a fixup in Python and a function in C, which cannot"):
            command(NativeCommand("c", 0x1000), 1, lambda param, number: param)

    def test_a_c_fixup_of_a_python_function(self):
        """The function gets what the fixup leaves."""
        fixup = CFUNCTYPE(c_int, POINTER(c_void_p), c_int)(lambda place, number: place.__setitem__(0, 77) or 0)
        journal = []
        buffers = []
        native = command(
            lambda msg, a: journal.append(a) or 1,
            1,
            NativeFixup(
                "f",
                ctypes.cast(fixup, c_void_p).value,
                lambda raw: buffers.append(ctypes.create_string_buffer(raw)) or ctypes.addressof(buffers[-1]),
            ),
        )
        call(native, MESSAGE, fix_up(native, b"x")[1])

        assert [77] == journal


class TestLookup:
    """With the core's find_export, sermod.find_export works in a C core as in a Python host."""

    def give(self, find_export, **hooks):
        self.native = to_c(ModuleExports("m", **hooks), find_export=find_export)
        return seen_by_c(self.native)

    def test_what_it_finds(self):
        asked = []
        function = CFUNCTYPE(c_int, c_void_p, c_char_p, c_char_p)(lambda msg, a, b: len(a))
        address = ctypes.cast(function, c_void_p).value
        found = []

        def find(name, param_no, flags):
            asked.append((name, param_no, flags))
            return address if name == b"there" else None

        module = self.give(
            find,
            init_f=lambda: found.append(sermod.find_export("there", 1, REQUEST_ROUTE)),
            init_child_f=lambda rank: found.append(sermod.find_export("not there", rank)),
            destroy_f=lambda: found.append(sermod.find_export("there", 0)),
        )
        module.init_f()
        module.init_child_f(1)
        module.destroy_f()

        assert () == self.native.errors
        assert [(b"there", 1, 1), (b"not there", 1, 0), (b"there", 0, 0)] == asked
        assert [CmdExport("there", NativeCommand("there", address), 1, 0, REQUEST_ROUTE), None] == found[:2]
        assert 3 == found[0].function(MESSAGE, "abc")

    def test_a_c_function(self):
        find = CFUNCTYPE(c_void_p, c_char_p, c_int, c_int)(lambda name, param_no, flags: 0x1000 + param_no)
        found = []
        module = self.give(find, init_f=lambda: found.append(sermod.find_export("c", 2).function.address))
        module.init_f()

        assert [0x1002] == found

    def test_functions_that_a_class_uses(self):
        """They are in the instance when its mod_init runs."""
        found = []

        class Using(sermod.Module):
            name = "using"
            query = sermod.uses("query", 2)

            def mod_init(self):
                found.append(self.query.address)

        find = CFUNCTYPE(c_void_p, c_char_p, c_int, c_int)(lambda name, param_no, flags: 0x1000 + param_no)
        native = to_c(Using().exports, find_export=find)

        assert 0 == seen_by_c(native).init_f()
        assert [0x1002] == found

    def test_functions_that_a_class_uses_and_the_core_lacks(self):
        """One error has all of them."""

        class Using(sermod.Module):
            name = "using"
            query = sermod.uses("query", 2)
            store = sermod.uses("store", 1)

        native = to_c(Using().exports, find_export=lambda name, param_no, flags: None)

        assert -1 == seen_by_c(native).init_f()
        assert {"query", "store"} == {error.asked for error in native.last_error.exceptions}

    def test_a_command_that_is_required(self):
        """What the core finds is returned, as by a registry."""
        core = CoreLookup(lambda name, param_no, flags: 0x1000 + param_no)

        assert 0x1002 == core.require_export("query", 2).function.address

    def test_in_a_fixup(self):
        with command(
            lambda msg, a: 1,
            1,
            lambda param, number: sermod.find_export(param, 0) or "nothing",
            find_export=lambda name, param_no, flags: None,
        ) as native:
            assert 0 == fix_up(native, b"x")[0]

    def test_without_it(self):
        native = to_c(ModuleExports("m", init_f=lambda: sermod.find_export("c", 1) and 0))

        assert -1 == seen_by_c(native).init_f()
        assert isinstance(native.last_error, LifecycleError)


class TestClose:
    def test_using_it_afterwards(self):
        native = command(lambda msg: 1)
        native.close()
        for use in (lambda: native.pointer, lambda: native.address, native.__enter__):
            with pytest.raises(LifecycleError, match="the exports of module 'm' for C are closed: make new ones"):
                use()

    def test_twice(self):
        native = to_c(ModuleExports("m"))
        native.close()
        native.close()

        with pytest.raises(LifecycleError):
            assert native.pointer

    def test_c_sees_an_empty_module(self):
        native = command(lambda msg: 1)
        module = seen_by_c(native)
        native.close()

        assert module.name is None
        assert [False] * 7 == [bool(getattr(module, field)) for field, *_ in Module._fields_[1:]]

    def test_a_call_after_it(self):
        """A call from C fails without a crash, as long as the object lives."""
        native = command(lambda msg, a: 1, 1, lambda param, number: param)
        cmd = next(entries(seen_by_c(native).cmds))
        function, fixup = cmd.function, cmd.fixup
        _, left = fix_up(native, b"x")
        native.close()
        place = c_void_p(ctypes.addressof(ctypes.create_string_buffer(b"x")))

        assert (-1, -1) == (function(MESSAGE, left, None), fixup(ctypes.byref(place), 1))
        assert [ValueError, LifecycleError] == [type(error) for error in native.errors]


def test_calls_leave_no_objects():
    """After a thousand calls, no more objects are allocated."""
    native = command(lambda msg, a, b: len(a), 2)
    for _ in range(10):
        call(native, MESSAGE, b"warm", b"up")
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(1000):
        call(native, MESSAGE, b"one", b"two")
    gc.collect()

    assert 100 > sys.getallocatedblocks() - before


def test_a_hundred_exceptions_are_kept():
    assert 100 == failures.Failures().recent.maxlen

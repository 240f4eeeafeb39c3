"""Functions of a C module that Python calls; here they are ctypes functions."""

import array
import ctypes
import gc
import inspect
import threading
from ctypes import CFUNCTYPE, c_char_p, c_int, c_void_p
from unittest.mock import Mock

import pytest

from sermod import REQUEST_ROUTE, FixupError, Lifecycle, Registry
from sermod._interface.signatures import accepts, with_last_arguments
from sermod.native import NativeCommand, NativeFixup, NativeFunction, NativeHook, messages, register_message
from sermod.native.functions import NativeMessageHook

COMMAND = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p)
TEXTS = CFUNCTYPE(c_int, c_void_p, c_char_p, c_char_p)


class Message(ctypes.Structure):
    _fields_ = (("method", c_int),)


class Called:
    """A C function that records its arguments."""

    def __init__(self, prototype=COMMAND, result=1):
        self.arguments = []
        self.result = result
        self._callback = prototype(self._call)
        self.address = ctypes.cast(self._callback, c_void_p).value

    def _call(self, *arguments):
        self.arguments.append(arguments)
        return self.result() if callable(self.result) else self.result


@pytest.fixture
def called():
    return Called()


@pytest.fixture
def command(called):
    return NativeCommand("tell", called.address)


@pytest.fixture
def texts():
    return Called(TEXTS)


@pytest.fixture
def telling(texts):
    return NativeCommand("tell", texts.address)


@pytest.fixture(autouse=True)
def own_converters(monkeypatch):
    """Keep what one test registers from the other tests."""
    monkeypatch.setattr(messages, "_converters", {})


def ways(command):
    """Return the ways to call a command with only a message: directly, and as an action calls it."""
    return [command, command.with_last_arguments(())]


class TestCommand:
    @pytest.mark.parametrize("result", [-(2**31), -1, 0, 1, 2**31 - 1])
    def test_it_returns_what_c_returns(self, called, command, result):
        called.result = result

        assert [result] * 2 == [call(1) for call in ways(command)]

    def test_omitted_parameters_are_null(self, called, command):
        for call in ways(command):
            call(1)
        command.with_last_arguments((5,))(1)

        assert [(1, None, None), (1, None, None), (1, 5, None)] == called.arguments

    def test_strings_are_utf8_with_any_bytes(self, texts, telling):
        telling(1, "größe", "\udcff\udc00"[:1])
        telling.with_last_arguments(("größe", "\udcff"))(1)

        assert [(1, "größe".encode(), b"\xff")] * 2 == texts.arguments

    def test_bytes_and_null(self, texts, telling):
        telling(1, b"bytes", None)
        telling.with_last_arguments((b"bytes", None))(1)

        assert [(1, b"bytes", None)] * 2 == texts.arguments

    def test_prepared_strings_stay_alive(self, texts, telling):
        run = telling.with_last_arguments((f"kept {chr(97)}live", bytes([65]) * 100))
        gc.collect()
        for _ in range(100):
            run(1)

        assert {(1, b"kept alive", b"A" * 100)} == {*texts.arguments}

    def test_c_may_write_to_a_string(self):
        """C writes to a copy; a prepared copy is the same at each call, as in C."""

        def change(_msg, place, _null):
            text = ctypes.cast(place, ctypes.POINTER(ctypes.c_char))
            text[0] = text[0][0] + 1
            return text[0][0]

        callback = COMMAND(change)
        command = NativeCommand("change", ctypes.cast(callback, c_void_p).value)
        given = b"a"
        run = command.with_last_arguments((given,))

        assert [ord("b"), ord("c"), ord("b")] == [run(1), run(1), command(1, given)]
        assert b"a" == given

    def test_addresses_and_objects_with_an_address(self, called, command):
        struct = Message(1)
        place = ctypes.addressof(struct)
        for value in (place, c_void_p(place), ctypes.byref(struct), ctypes.pointer(struct), struct):
            command(1, value)
            command.with_last_arguments((0, value))(1)

        assert [(1, place, None), (1, None, place)] * 5 == called.arguments

    def test_an_object_with_an_address_stays_alive(self, called, command):
        run = command.with_last_arguments((bytearray(b"kept"), None))
        gc.collect()
        run(1)

        ((_, place, _),) = called.arguments
        assert b"kept" == ctypes.string_at(place, 4)

    def test_a_null_address(self, called, command):
        command.with_last_arguments((c_void_p(),))(1)

        assert [(1, None, None)] == called.arguments

    def test_a_nul_in_a_string(self, command):
        for call in (lambda: command(1, "a\0b"), lambda: command.with_last_arguments(("a\0b",))):
            with pytest.raises(ValueError, match=r"parameter 1 of <C function tell.*'a\\x00b', has a NUL in it"):
                call()

    @pytest.mark.parametrize("value", [1.5, object(), True, [1]])
    def test_an_object_without_an_address(self, command, value):
        for call in (lambda: command(1, None, value), lambda: command.with_last_arguments((None, value))):
            with pytest.raises(TypeError, match=r"parameter 2 of <C function tell .*is not an address: pass an int"):
                call()

    def test_too_many_parameters(self, command):
        with pytest.raises(TypeError, match=r"takes at most 2 parameters \(got 3\)"):
            command.with_last_arguments(("a", "b", "c"))

    def test_an_action_prepares_its_parameters_once(self, command, called):
        """Nothing is converted at a call: C gets the same memory each time."""
        run = with_last_arguments(command, ("a", "b"))
        run(1)
        run(1)

        assert called.arguments[0] == called.arguments[1]

    def test_a_mock_prepares_nothing(self):
        """A Mock has every attribute; its with_last_arguments is not used."""
        mock = Mock(return_value=1)
        with_last_arguments(mock, ("a",))(2)

        mock.assert_called_once_with(2, "a")

    def test_signature(self, command):
        assert [False, True, True, True, False] == [accepts(command, count) for count in range(5)]
        assert "(msg, param1=None, param2=None, /)" == str(inspect.signature(command))

    def test_equal_if_the_address_is(self, called, command):
        other = NativeCommand("another name", called.address)
        assert other == command
        assert hash(other) == hash(command)
        assert command != NativeCommand("tell", called.address + 1)
        assert command != NativeFunction("tell", called.address)
        assert command != called.address

    def test_repr(self):
        assert "<C function foo at 0x1000>" == repr(NativeFunction("foo", 4096))

    def test_c_gets_its_address(self, called, command):
        echo = CFUNCTYPE(c_void_p, c_void_p)(lambda address: address)
        assert called.address == echo(command)

    def test_typed(self):
        half = CFUNCTYPE(ctypes.c_double, ctypes.c_double)(lambda number: number / 2)
        function = NativeFunction("~half", ctypes.cast(half, c_void_p).value)

        assert 2.25 == function.typed(CFUNCTYPE(ctypes.c_double, ctypes.c_double))(4.5)


class TestMessage:
    """A message may be any object that stands for an address."""

    def test_addresses(self, called, command):
        struct = Message(1)
        place = ctypes.addressof(struct)
        given = (place, c_void_p(place), ctypes.byref(struct), ctypes.pointer(struct), struct)
        for call in ways(command):
            for msg in given:
                call(msg)

        assert [(place, None, None)] * 10 == called.arguments

    def test_null(self, called, command):
        for call in ways(command):
            for msg in (None, 0, c_void_p()):
                call(msg)

        assert {(None, None, None)} == {*called.arguments}

    @pytest.mark.parametrize("buffer", [bytearray(b"raw"), array.array("b", b"raw"), memoryview(bytearray(b"raw"))])
    def test_writable_buffers(self, texts, telling, buffer):
        reading = CFUNCTYPE(c_int, ctypes.POINTER(ctypes.c_char * 3))(lambda place: place.contents.raw == b"raw")
        command = NativeCommand("read", ctypes.cast(reading, c_void_p).value)

        assert [1, 1] == [call(buffer) for call in ways(command)]

    def test_an_object_with_the_attribute(self, called, command):
        class Request:
            _as_parameter_ = c_void_p(0x1234)

        class Wrapped:
            _as_parameter_ = Request()

        for call in ways(command):
            call(Request())
            call(Wrapped())

        assert {(0x1234, None, None)} == {*called.arguments}

    @pytest.mark.parametrize("msg", ["OPTIONS", b"raw", 1.5, object(), True, memoryview(b"read-only")])
    def test_an_object_without_an_address(self, called, command, msg):
        """A str is refused as well, although ctypes takes one."""
        for call in ways(command):
            with pytest.raises(TypeError, match=r"the message, .*is not an address: .*register_message"):
                call(msg)
        assert [] == called.arguments

    def test_a_type_of_the_host(self, called, command):
        class Request:
            def __init__(self, place):
                self.place = place

        class Invite(Request):
            pass

        register_message(Request, lambda request: request.place)
        for call in ways(command):
            call(Request(0x1000))
            call(Invite(c_void_p(0x2000)))

        assert [(0x1000, None, None), (0x2000, None, None)] * 2 == called.arguments

    def test_the_result_of_a_converter_lives_as_long_as_the_call(self):
        register_message(str, lambda text: bytearray(text, "ascii"))

        def read(place, *_):
            gc.collect()
            return ctypes.string_at(place, 7) == b"OPTIONS"

        callback = COMMAND(read)
        command = NativeCommand("read", ctypes.cast(callback, c_void_p).value)

        assert [1, 1] == [call("OPTIONS") for call in ways(command)]

    def test_a_converter_may_return_a_null_pointer(self, called, command):
        register_message(float, lambda _number: None)
        command(1.5)

        assert [(None, None, None)] == called.arguments

    def test_a_converter_that_returns_no_address(self, command):
        register_message(float, str)

        with pytest.raises(
            TypeError, match=r"the result of <class 'str'> for the message, '1.5', a str, is not an address"
        ):
            command(1.5)

    @pytest.mark.parametrize(("kind", "function"), [("Request", len), (str, "len")])
    def test_wrong_arguments(self, kind, function):
        with pytest.raises(TypeError, match=r"register_message\(\) takes a class and a function"):
            register_message(kind, function)

    def test_c_passes_the_message_back(self, called, command):
        """During the call, the host's object is found under the address that C has; after it, the address alone."""
        seen = []
        msg = bytearray(b"message")

        def look():
            place = called.arguments[-1][0]
            seen.append(messages.message_at(place))
            return 1

        called.result = look
        for call in ways(command):
            call(msg)

        assert [msg, msg] == seen
        assert all(each is msg for each in seen)
        place = called.arguments[-1][0]
        assert place == messages.message_at(place)
        assert messages.message_at(None) is None

    def test_the_same_message_within_itself(self, called, command):
        msg = Message(1)
        depth = []

        def again():
            if len(depth) < 3:
                depth.append(messages.message_at(ctypes.addressof(msg)))
                command(msg)
                depth.append(messages.message_at(ctypes.addressof(msg)))
            return 1

        called.result = again
        command(msg)

        assert [msg] * 4 == depth[:4]
        assert ctypes.addressof(msg) == messages.message_at(ctypes.addressof(msg))

    def test_other_threads_do_not_see_it(self, called, command):
        msg = bytearray(b"message")
        seen = []

        def look():
            place = called.arguments[-1][0]
            thread = threading.Thread(target=lambda: seen.append(messages.message_at(place) is msg))
            thread.start()
            thread.join()
            return 1

        called.result = look
        command(msg)

        assert [False] == seen


class TestFixup:
    def make(self, function):
        self.callback = CFUNCTYPE(c_int, ctypes.POINTER(c_void_p), c_int)(function)
        self.copies = []
        address = ctypes.cast(self.callback, c_void_p).value
        return NativeFixup("fixup of tell", address, self.allocate)

    def allocate(self, raw):
        self.copies.append(ctypes.create_string_buffer(raw))
        return ctypes.addressof(self.copies[-1])

    def test_it_gets_a_string_that_it_owns_and_the_number(self):
        seen = []
        fixup = self.make(lambda place, number: seen.append((ctypes.string_at(place[0]), number)) or 0)
        left = fixup("größe\udcff", 2)

        assert [("größe".encode() + b"\xff", 2)] == seen
        assert ctypes.addressof(self.copies[0]) == left

    @pytest.mark.parametrize("value", [0, 1, 5060, 2**64 - 1])
    def test_what_it_leaves_is_its_result(self, value):
        def replace(place, _number):
            place[0] = value or None
            return 0

        assert value == self.make(replace)("text", 1)

    @pytest.mark.parametrize("nothing", [None, 0])
    def test_an_allocator_without_memory(self, monkeypatch, nothing):
        """The fixup is not called, since it would use the null pointer as a string."""
        monkeypatch.setattr(self, "allocate", lambda _raw: nothing)
        called = []
        fixup = self.make(lambda _place, number: called.append(number) or 0)

        with pytest.raises(MemoryError, match="a null pointer for a parameter of <C function fixup of tell"):
            fixup("text", 1)
        assert [] == called

    @pytest.mark.parametrize("code", [0, 1, 2**31 - 1])
    def test_only_a_negative_result_is_an_error(self, code):
        assert self.make(lambda _place, _number: code)("text", 1)

    @pytest.mark.parametrize("code", [-1, -(2**31)])
    def test_a_negative_result(self, code):
        with pytest.raises(ValueError, match=rf"<C function fixup of tell at .* returned {code}$"):
            self.make(lambda _place, _number: code)("text", 1)

    def test_a_nul(self):
        with pytest.raises(ValueError, match="has a NUL in it"):
            self.make(lambda _place, _number: 0)("te\0xt", 1)
        assert [] == self.copies

    def test_signature(self):
        fixup = self.make(lambda _place, _number: 0)
        assert [False, False, True, False] == [accepts(fixup, count) for count in range(4)]


class TestHook:
    @pytest.mark.parametrize(
        ("field", "signature"),
        [
            ("init_f", "()"),
            ("response_f", "(msg, /)"),
            ("destroy_f", "()"),
            ("onbreak_f", "(msg, /)"),
            ("init_child_f", "(rank, /)"),
        ],
    )
    def test_signature(self, called, field, signature):
        hook = NativeHook(field, called.address)
        assert signature == str(inspect.signature(hook))

    def test_messages_are_converted(self, called):
        hook = NativeMessageHook("response_f", called.address)
        msg = Message(1)

        assert 1 == hook(msg)
        assert ctypes.addressof(msg) == called.arguments[0][0]


class TestInLifecycle:
    """A C command in a server."""

    def test_a_parameter_with_a_nul_stops_it(self, command):
        """The error comes when the parameters are prepared, and the initialised modules are destroyed."""
        from making import make_exports

        from sermod import CmdExport

        journal = []
        core = Registry()
        core.register(
            make_exports("m", CmdExport("tell", command, 1, 0, REQUEST_ROUTE), destroy_f=lambda: journal.append("bye"))
        )
        core.bind("tell", "a\0b", route=REQUEST_ROUTE)

        with pytest.raises(ValueError, match="has a NUL in it"):
            Lifecycle(core).init()
        assert ["bye"] == journal

    def test_a_fixup_that_refuses(self, command):
        from making import make_exports

        from sermod import CmdExport

        refusing = CFUNCTYPE(c_int, c_void_p, c_int)(lambda _place, _number: -3)
        fixup = NativeFixup("fixup of tell", ctypes.cast(refusing, c_void_p).value, lambda _raw: 1)
        core = Registry()
        core.register(make_exports("m", CmdExport("tell", command, 1, fixup, REQUEST_ROUTE)))
        core.bind("tell", "a", route=REQUEST_ROUTE, where="ser.cfg:1")

        with pytest.raises(FixupError, match=r'^ser.cfg:1: tell\("a"\) .*fixup of tell at .* returned -3'):
            Lifecycle(core).init()

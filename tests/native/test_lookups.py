"""A C module in a Python host finds the commands of all modules, at the times when modules may look them up."""

import ctypes
import logging
from ctypes import CFUNCTYPE, c_char_p, c_int, c_void_p

import pytest
from making import make_exports
from small_modules import LOOKUP, NUMBER, small_module

from sermod import REQUEST_ROUTE, CmdExport, Lifecycle, LifecycleError, ModuleExports, Registry, native
from sermod.native import NativeCommand, register_message

FIND = CFUNCTYPE(c_void_p, c_char_p, c_int, c_int)
COMMAND = CFUNCTYPE(c_int, c_void_p, c_char_p, c_char_p)


class Asking:
    """A host with a C module, and a Python module that calls the C module's find_export in its place."""

    def __init__(self, directory):
        exports = native.load(small_module(lookup=True).write(directory / "small.so"))
        place = exports.parameters[0].param_pointer.address - NUMBER + LOOKUP
        self.find = FIND(c_void_p.from_address(place).value)
        self.core = Registry()
        self.core.register(exports)
        self.found = {}

    def ask(self, *questions):
        def init():
            self.found = {question: self.find(*question) for question in questions}

        self.core.register(ModuleExports("asking", init_f=init))
        self.life = Lifecycle(self.core)
        self.life.init()

    def call(self, question, *arguments):
        return COMMAND(self.found[question])(*[*arguments, None, None, None][:3])


@pytest.fixture
def asking(tmp_path):
    return Asking(tmp_path)


@pytest.fixture(autouse=True)
def _forget(monkeypatch):
    monkeypatch.setattr(native.lookup.failures, "recent", type(native.lookup.failures.recent)(maxlen=100))
    monkeypatch.setattr(native.messages, "_converters", {})


class TestFound:
    def test_a_python_command(self, asking):
        journal = []
        asking.core.register(
            make_exports("m", CmdExport("c", lambda msg, a, b: journal.append((msg, a, b)) or 5, 2, 0, REQUEST_ROUTE))
        )
        asking.ask((b"c", 2, 0), (b"c", 2, 1))

        assert [5, 5] == [asking.call(question, 0x1234, b"gr\xc3\xb6\xff", None) for question in asking.found]
        assert [(0x1234, "grö\udcff", None)] * 2 == journal

    def test_what_is_not_there(self, asking):
        asking.core.register(make_exports("m", CmdExport("c", lambda msg, a: 1, 1, 0, REQUEST_ROUTE)))
        asking.ask((b"d", 1, 0), (b"c", 2, 0), (b"c", 1, 2), (None, 0, 0))

        assert [None] * 4 == [*asking.found.values()]
        assert () == native.recent_errors()

    def test_the_answer_is_always_the_same(self, asking):
        asking.core.register(make_exports("m", CmdExport("c", lambda msg: 1)))
        asking.core.register(ModuleExports("first", init_f=lambda: asking.found.update(first=asking.find(b"c", 0, 0))))
        first = asking.found
        asking.ask((b"c", 0, 0))

        assert first["first"] == asking.found[b"c", 0, 0]

    def test_a_command_of_a_c_module(self, asking):
        """C gets the function itself and calls it without Python."""
        asking.ask((b"first", 2, 0))

        assert 7 == asking.call((b"first", 2, 0), -7)
        export = asking.core.find_export("first", 2)
        assert export.function == NativeCommand("first", asking.found[b"first", 2, 0])

    def test_the_message_of_the_host_comes_back(self, asking):
        """A Python command that C calls with its own message gets the host's object."""

        class Request:
            def __init__(self):
                self.place = ctypes.create_string_buffer(8)

        register_message(Request, lambda request: ctypes.addressof(request.place))
        journal = []
        asking.core.register(make_exports("m", CmdExport("c", lambda msg: journal.append(msg) or 1)))
        asking.ask((b"c", 0, 0))
        through_c = NativeCommand("through", asking.found[b"c", 0, 0])
        msg = Request()

        assert 1 == through_c(msg)
        assert [msg] == journal


class TestErrors:
    @pytest.mark.parametrize("result", [None, "text", ValueError("wrong")])
    def test_of_a_command(self, asking, caplog, result):
        def function(msg):
            if isinstance(result, Exception):
                raise result
            return result

        asking.core.register(make_exports("m", CmdExport("c", function)))
        asking.ask((b"c", 0, 0))

        assert -1 == asking.call((b"c", 0, 0), 1)
        assert 1 == len(native.recent_errors())
        assert [("sermod.native", logging.ERROR)] == [(each.name, each.levelno) for each in caplog.records]

    def test_too_late(self, asking):
        asking.ask()

        assert asking.find(b"first", 2, 0) is None
        (error,) = native.recent_errors()
        assert isinstance(error, LifecycleError)

    def test_a_command_that_c_cannot_call(self, asking, caplog):
        asking.core.register(make_exports("m", CmdExport("c", lambda a, b, c, d, e: 1, 4)))
        asking.ask((b"c", 4, 0))

        assert [None] == [*asking.found.values()]
        (error,) = native.recent_errors()
        assert isinstance(error, TypeError)
        assert "sermod_find_export(b'c', 4) by module 'small', called from C, failed" in caplog.text

"""A core in C, compiled by the tests and without any Python, runs Python modules through their whole life."""

import ctypes
import itertools
import mmap
import os
import shutil
from ctypes import c_char_p, c_long, c_void_p
from pathlib import Path

import pytest
from c_messages import Message
from making import make_exports

import sermod
from sermod import (
    INT_PARAM,
    REPLY_ROUTE,
    REQUEST_ROUTE,
    STR_PARAM,
    CmdExport,
    Lifecycle,
    ModuleExports,
    Registry,
    native,
)

COUNTING = Path(__file__).with_name("counting.py")


@pytest.fixture
def core(compiled, tmp_path):
    """A copy of the core for this test: it is a library with variables."""
    library = ctypes.CDLL(shutil.copy(compiled("host"), tmp_path))
    library.host_find_export.restype = c_void_p
    library.host_get_string.restype = c_char_p
    library.host_strings.restype = c_long
    library.given = []  # the NativeExports that it uses
    yield library
    library.host_destroy()


def give(core, exports, **arguments):
    """Give a Python module to the core, and keep its NativeExports."""
    given = native.to_c(exports, message=Message.from_address, **arguments)
    core.given.append(given)
    core.host_add(given.pointer)
    return given


class CHost:
    """The C core, with the module ``counting`` in one of its two languages."""

    def __init__(self, core, library=None):
        self.core = core
        if library is None:
            give(core, sermod.load(COUNTING))
        else:
            assert 0 == core.host_load(os.fsencode(library))

    def set(self, name, value):
        set_it = self.core.host_set_int if isinstance(value, int) else self.core.host_set_string
        return set_it(b"counting", name.encode(), value if isinstance(value, int) else value.encode()) == 0

    def bind(self, name, *params, route=REQUEST_ROUTE):
        return self.core.host_bind(name.encode(), int(route), *[param.encode() for param in params], *[None, None])

    def init(self):
        return self.core.host_init()

    def init_child(self, rank):
        return self.core.host_init_child(rank)

    def run(self, msg, calls):
        return self.core.host_run(ctypes.byref(msg), calls[0], calls[-1])

    def reply(self, msg):
        return self.core.host_reply(ctypes.byref(msg))


class PythonHost:
    """The same for a Python host."""

    def __init__(self, path):
        self.registry = Registry()
        self.registry.load(path)

    def set(self, name, value):
        try:
            self.registry.set_param("counting", name, value)
        except (sermod.UnknownParamError, sermod.ParamTypeError):
            return False
        return True

    def bind(self, name, *params, route=REQUEST_ROUTE):
        return self.registry.bind(name, *params, route=route)

    def init(self):
        self.life = Lifecycle(self.registry)
        try:
            self.life.init()
        except sermod.ModuleInitError as error:
            return error.code
        except sermod.FixupError:
            return -1
        return 0

    def init_child(self, rank):
        try:
            self.life.init_child(rank)
        except sermod.ChildInitError as error:
            return error.code
        return 0

    def run(self, msg, calls):
        return self.life.run_route(calls, msg)

    def reply(self, msg):
        return int(self.life.process_reply(msg))


@pytest.fixture(params=["Python in Python", "C in Python", "Python in C", "C in C"])
def host(request, core, compiled, tmp_path):
    """Each host with the module in each language."""
    match request.param:
        case "Python in Python":
            return PythonHost(COUNTING)
        case "C in Python":
            return PythonHost(compiled("counting"))
        case "Python in C":
            return CHost(core)
        case _:
            return CHost(core, shutil.copy(compiled("counting"), tmp_path))


class TestSameResults:
    """The same module, in Python and in C, gives the same results in a host in Python and in one in C."""

    def test_a_route(self, host):
        assert host.set("limit", 20)
        assert host.set("prefix", "größe ")
        calls = [host.bind("add", "15"), host.bind("tag", "a", "ß"), host.bind("add", "6"), host.bind("tag", "", "b")]
        assert 0 == host.init()
        msg = Message(1)

        assert 1 == host.run(msg, calls)
        assert (22, "größe aß>größe b>") == (msg.counter, msg.text.decode())
        assert 1 == host.run(msg, calls[1:2])
        assert -1 == host.run(msg, calls[:1])

    def test_stopping(self, host):
        calls = [host.bind("tag", "a", "b"), host.bind("stop"), host.bind("tag", "c", "d")]
        assert host.set("suffix", ")")
        assert 0 == host.init()
        msg = Message(0)

        assert 0 == host.run(msg, calls)
        assert b"<ab)!" == msg.text

    def test_replies(self, host):
        assert 0 == host.init()

        assert [1, 1, 0] == [host.reply(Message(counter)) for counter in (0, 10, 11)]

    def test_a_child(self, host):
        calls = [host.bind("rank")]
        assert 0 == host.init()
        msg = Message(0)
        assert 1 == host.run(msg, calls)
        assert -99 == msg.counter
        assert 0 == host.init_child(3)
        host.run(msg, calls)

        assert 3 == msg.counter
        assert -6 == host.init_child(6)

    def test_a_failed_start(self, host):
        assert host.set("limit", -1)

        assert -5 == host.init()

    def test_a_refused_parameter(self, host):
        host.bind("add", "many")

        assert -1 == host.init()

    def test_names_that_do_not_exist(self, host):
        assert not host.set("no_such", 1)
        assert not host.set("limit", "text")
        assert not host.set("prefix", 5)


class TestLookups:
    """For every name, number of parameters and flags, the core finds what the registry finds."""

    def test_every_question(self, core, compiled):
        def function(msg, a=None, b=None):
            return 1

        modules = [
            make_exports(
                "one",
                CmdExport("a", function, 0, 0, REQUEST_ROUTE),
                CmdExport("a", function, 1, 0, REQUEST_ROUTE),
                CmdExport("a", function, 1, 0, REPLY_ROUTE),
                CmdExport("b", function, 2, 0, REQUEST_ROUTE | REPLY_ROUTE),
            ),
            make_exports(
                "two",
                CmdExport("a", function, 0, 0, REPLY_ROUTE),
                CmdExport("b", function, 2, 0, REQUEST_ROUTE),
                CmdExport("b", function, 0, 0, 0),
                CmdExport("~odd", function, 17, 0, 0),
                CmdExport("größe", function, 1, 0, 0),
            ),
            native.load(compiled("every")),
            ModuleExports("empty"),
            make_exports("three", CmdExport("none", function, 0, 0, REPLY_ROUTE)),
        ]
        registry = Registry(allow_shadowing=True)
        for exports in modules:
            registry.register(exports)
            give(core, exports)
        entries = [command for exports in reversed(modules) for command in exports.commands]
        names = {command.name for command in entries} | {"no_such", ""}
        count = 0
        for name, param_no, flags in itertools.product(names, (-1, 0, 1, 2, 17), range(4)):
            found = registry.find_export(name, param_no, flags)
            place = core.host_place_of(name.encode(), param_no, flags)
            expected = -1 if found is None else next(at for at, each in enumerate(entries) if each is found)
            assert expected == place, (name, param_no, flags)
            count += place >= 0
        assert 30 < count

    def test_parameters(self, core, compiled):
        modules = [sermod.load(COUNTING), native.load(compiled("every"))]
        registry = Registry()
        for exports in modules:
            registry.register(exports)
            give(core, exports)
        names = {param.name for exports in modules for param in exports.parameters} | {"no_such"}
        for module, name, kind in itertools.product(("counting", "every_kind"), names, (STR_PARAM, INT_PARAM)):
            found = registry.find_param(module, name, kind) is not None
            assert found == bool(core.host_has_param(module.encode(), name.encode(), int(kind))), (module, name, kind)


class TestLife:
    def test_the_whole_life(self, core):
        """The core calls each function at its time; after a real fork, the child calls its own."""
        journal = mmap.mmap(-1, 4096)  # shared with the child

        def note(text):
            start = journal.find(b"\0")
            journal[start : start + len(text) + 1] = f"{text};".encode()

        def command(msg, number):
            note(f"run {number} in {'child' if os.getpid() != main else 'main'}")
            msg.counter += number
            return 7

        def fixup(param, number):
            note(f"fixup {number}")
            return int(param)

        main = os.getpid()
        given = give(
            core,
            make_exports(
                "m",
                CmdExport(
                    "add", command, 1, lambda param, number: note(f"fixup {number}") or int(param), REQUEST_ROUTE
                ),
                init_f=lambda: note("init"),
                init_child_f=lambda rank: note(f"child {rank} {os.getpid() != main}"),
                destroy_f=lambda: note("destroy"),
            ),
        )
        call = core.host_bind(b"add", 1, b"5", None)
        assert 0 == core.host_init()
        shared = mmap.mmap(-1, mmap.PAGESIZE)
        msg = Message.from_buffer(shared)

        assert 107 == core.host_child(2, ctypes.byref(msg), call, call)
        assert 5 == msg.counter
        assert 7 == core.host_run(ctypes.byref(msg), call, call)
        core.host_destroy()
        said = journal[: journal.find(b"\0")].decode().split(";")[:-1]
        assert ["init", "fixup 1", "child 2 True", "run 5 in child", "run 5 in main", "destroy"] == said
        assert () == given.errors

    def test_a_child_that_fails(self, core):
        def fail(rank):
            raise ValueError(rank)

        given = give(core, ModuleExports("m", init_child_f=fail))
        assert 0 == core.host_init()

        assert 51 == core.host_child(1, ctypes.byref(Message(0)), 0, -1)
        assert () == given.errors, "it was in the child"

    def test_several_children(self, core):
        given = give(core, sermod.load(COUNTING))
        call = core.host_bind(b"rank", 1, None, None)
        assert 0 == core.host_init()
        shared = mmap.mmap(-1, mmap.PAGESIZE)
        msg = Message.from_buffer(shared)
        ranks = []
        for rank in range(1, 6):
            assert 101 == core.host_child(rank, ctypes.byref(msg), call, call)
            ranks.append(msg.counter)

        assert [1, 2, 3, 4, 5] == ranks
        assert () == given.errors

    def test_modules_in_both_languages(self, core, compiled, tmp_path):
        """A Python module finds a C module's command, and calls it, in a core in C."""
        found = {}

        def init():
            found["both"] = sermod.find_export("both", 0).function

        def command(msg):
            return found["both"](ctypes.addressof(msg)) + 1

        core.host_load(os.fsencode(shutil.copy(compiled("every"), tmp_path)))
        given = give(
            core,
            make_exports("m", CmdExport("ask", command, 0, 0, REQUEST_ROUTE), init_f=init),
            find_export=core.host_find_export,
        )
        call = core.host_bind(b"ask", 1, None, None)
        assert 0 == core.host_init()

        assert 2 == core.host_run(ctypes.byref(Message(0)), call, call)
        assert () == given.errors


class TestParameters:
    def test_the_core_reads_and_writes_them(self, core):
        exports = sermod.load(COUNTING)
        given = give(core, exports)
        assert (10, b"<", None) == (
            core.host_get_int(b"counting", b"limit"),
            core.host_get_string(b"counting", b"prefix"),
            core.host_get_string(b"counting", b"suffix"),
        )
        core.host_set_int(b"counting", b"limit", -(2**31) + 1)
        core.host_set_string(b"counting", b"prefix", None)
        core.host_set_string(b"counting", b"suffix", b"\xff")
        core.host_init()

        assert [-(2**31) + 1, None, "\udcff"] == [each.param_pointer.load() for each in exports.parameters]
        assert () == given.errors


class TestFixups:
    def test_the_core_frees_what_it_allocated(self, core):
        """With the core's free, no string is left."""
        with native.to_c(
            make_exports("m", CmdExport("c", lambda msg, a, b: 1, 2, lambda param, number: param, REQUEST_ROUTE)),
            free=core.host_free,
        ) as given:
            core.host_add(given.pointer)
            core.host_bind(b"c", 1, b"one", b"two")
            assert 2 == core.host_strings()
            assert 0 == core.host_init()

            assert 0 == core.host_strings()
            core.host_destroy()


class TestLeaks:
    """Calls do not use up memory, in either direction."""

    @staticmethod
    def in_use():
        """Return how much memory is allocated in C."""

        class Info(ctypes.Structure):
            _fields_ = tuple((f"field{number}", ctypes.c_size_t) for number in range(10))

        mallinfo2 = getattr(ctypes.CDLL(None), "mallinfo2", None)
        if mallinfo2 is None:
            pytest.skip("this test needs glibc 2.33 or later")
        mallinfo2.restype = Info
        return mallinfo2().field7

    def test_c_calls_python(self, core):
        given = give(
            core,
            make_exports(
                "m",
                CmdExport("plain", lambda msg: 1, 0, 0, REQUEST_ROUTE),
                CmdExport("texts", lambda msg, a, b: len(a) + len(b), 2, 0, REQUEST_ROUTE),
                CmdExport("fixed", lambda msg, a: a, 1, lambda param, number: int(param), REQUEST_ROUTE),
            ),
        )
        calls = [
            core.host_bind(b"plain", 1, None, None),
            core.host_bind(b"texts", 1, b"a" * 1000, b"b" * 1000),
            core.host_bind(b"fixed", 1, b"300", None),
        ]
        core.host_init()
        msg = Message(0)

        def many(times):
            return [core.host_repeat_action(times, ctypes.byref(msg), call) for call in calls]

        assert [100, 200_000, 30_000] == many(100)
        before = self.in_use()
        many(5000)

        assert 50_000 > self.in_use() - before
        assert () == given.errors

    def test_python_calls_c(self, compiled):
        registry = Registry()
        registry.register(native.load(compiled("every")))
        registry.register(native.load(compiled("fixups")))
        actions = [
            registry.bind(*call, route=REQUEST_ROUTE)
            for call in (("bytes", "x" * 1000), ("add", "1"), ("add", "1", "2"))
        ]
        Lifecycle(registry).init()
        msg = Message(0)
        direct = registry.require_export("bytes", 1).function

        def many(times):
            for _ in range(times):
                for action in actions:
                    action.run(msg)
                direct(msg, "y" * 1000)

        many(100)
        before = self.in_use()
        many(5000)

        assert 50_000 > self.in_use() - before

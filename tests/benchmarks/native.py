"""The cost of calls between Python and C, compared with the same calls in plain ctypes."""

from __future__ import annotations

import ctypes
import sys
import tempfile
import time
from collections.abc import Callable
from ctypes import c_char_p, c_int, c_void_p
from pathlib import Path
from typing import Any

from measure import Row, compare, seconds

sys.path.append(str(Path(__file__).parents[1] / "support"))

from compiling import SOURCES, compile_module, compile_text

from sermod import REQUEST_ROUTE, CmdExport, Lifecycle, ModuleExports, Registry, native, null_terminated
from sermod.native.layout import COMMAND_FUNCTION

CALLS = 100_000
ENTRIES = (1_000, 4_000)
REPEATS = 31

COMMANDS = """
#include <sermod.h>
static int nop(struct sip_msg *msg, char *param1, char *param2)
{
	return msg != 0 && param1 != 0 && param2 != 0;
}
static int fixup(void **param, int param_no)
{
	return *param == 0 || param_no == 0;
}
static cmd_export_t cmds[] = {
	{"nop", nop, 2, 0, REQUEST_ROUTE},
	{"fixed", nop, 2, fixup, REQUEST_ROUTE},
	{0, 0, 0, 0, 0},
};
struct module_exports exports = {"bench", cmds, 0, 0, 0, 0, 0, 0};
"""


# Python calls C -----------------------------------------------------------------------------------------------------


def calling(run: Callable[[Any], object], msg: object) -> Callable[[], None]:
    def loop(run: Callable[[Any], object] = run, msg: object = msg) -> None:
        for _ in range(CALLS):
            run(msg)

    return loop


def calling_bare(function: Callable[..., object], *arguments: object) -> Callable[[], None]:
    def loop(
        function: Callable[..., object] = function,
        msg: object = arguments[0],
        a: object = arguments[1],
        b: object = arguments[2],
    ) -> None:
        for _ in range(CALLS):
            function(msg, a, b)

    return loop


def commands(directory: Path) -> list[Row]:
    core: Registry[Any] = Registry()
    exports = core.register(native.load(compile_text(COMMANDS, directory, "bench"))).exports
    actions = [core.bind(name, "abc", "def", route=REQUEST_ROUTE) for name in ("nop", "fixed")]
    Lifecycle(core).init()

    address = exports.commands[0].function.address
    buffers = [ctypes.create_string_buffer(256), *map(ctypes.create_string_buffer, (b"abc", b"def"))]
    places = [ctypes.addressof(buffer) for buffer in buffers]
    pointers = [*map(c_void_p, places)]
    undeclared = ctypes.CFUNCTYPE(c_int)(address)
    declared = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p)(address)
    half_declared = ctypes.CFUNCTYPE(c_int, c_void_p)(address)
    references = [*map(c_void_p.from_param, places)]
    without_result = COMMAND_FUNCTION(address)

    nop, fixed = (action.run for action in actions)
    goal = "at most 1.15"
    address, pointer, reference = places[0], pointers[0], references[0]
    params = references[1:]
    # Compared with the fastest way in ctypes for a message of the same kind, and with other ways.
    cases: tuple[tuple[str, Callable[..., object], object, str, Callable[..., object], list[Any], str], ...] = (
        ("run(c_void_p), two strings", nop, pointer, "c_void_p, references", undeclared, [pointer, *params], goal),
        ("run(c_void_p), two fixed-up", fixed, pointer, "c_void_p, references", undeclared, [pointer, *params], goal),
        ("run(c_void_p), two strings", nop, pointer, "c_void_p objects", undeclared, pointers, goal),
        ("run(c_void_p), two strings", nop, pointer, "without a result type", without_result, [pointer, *params], ""),
        ("run(int), two strings", nop, address, "int, references", half_declared, [address, *params], goal),
        ("run(int), two strings", nop, address, "c_void_p objects", undeclared, pointers, goal),
        ("run(int), two strings", nop, address, "declared arguments, all int", declared, places, ""),
        ("run(reference), two strings", nop, reference, "references", undeclared, references, ""),
        ("run(bytearray), two strings", nop, bytearray(256), "c_void_p objects", undeclared, pointers, ""),
    )
    return [
        compare(
            what,
            calling(run, msg),
            f"bare: {beside}",
            calling_bare(bare, *arguments),
            aim or "no goal",
            repeats=REPEATS,
            per=CALLS,
        )
        for what, run, msg, beside, bare, arguments, aim in cases
    ]


# C calls Python -----------------------------------------------------------------------------------------------------


def nothing(msg: object) -> int:
    return 1


def two(msg: object, param1: object, param2: object) -> int:
    return 1


def decoding(msg: object, param1: bytes, param2: bytes) -> int:
    return two(msg, param1.decode("utf-8", "surrogateescape"), param2.decode("utf-8", "surrogateescape"))


def callbacks(directory: Path) -> list[Row]:
    host = ctypes.CDLL(str(compile_module(SOURCES / "host.c", directory)))
    cmds = null_terminated(
        CmdExport("nothing", nothing, 0, 0, REQUEST_ROUTE),
        CmdExport("two", two, 2, 0, REQUEST_ROUTE),
        CmdExport("fixed", two, 2, lambda param, param_no: param, REQUEST_ROUTE),
    )
    given = native.to_c(ModuleExports("bench", cmds))
    host.host_add(given.pointer)
    host.host_bind(b"nothing", 1, None, None)
    host.host_bind(b"two", 1, b"abc", b"def")
    host.host_bind(b"fixed", 1, b"abc", b"def")
    host.host_init()
    msg = ctypes.create_string_buffer(256)
    strings = ctypes.create_string_buffer(b"abc"), ctypes.create_string_buffer(b"def")

    def repeating(index: int) -> Callable[[], object]:
        return lambda: host.host_repeat_action(CALLS, msg, index)

    def repeating_bare(callback: Any) -> Callable[[], object]:
        return lambda: host.host_repeat(callback, CALLS, msg, *strings)

    addresses = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p)
    texts = ctypes.CFUNCTYPE(c_int, c_void_p, c_char_p, c_char_p)
    cases = (
        ("a command without parameters", 0, "bare callback", addresses(two), "at most 1.3"),
        ("with two fixed-up parameters", 2, "bare callback", addresses(two), "at most 1.3"),
        ("with two strings", 1, "bare callback that decodes them", texts(decoding), "at most 1.3"),
        ("with two strings", 1, "bare callback that does not", texts(two), "no goal"),
    )
    return [
        compare(f"C calls Python: {what}", repeating(n), beside, repeating_bare(bare), goal, repeats=REPEATS, per=CALLS)
        for what, n, beside, bare, goal in cases
    ]


# Reading ------------------------------------------------------------------------------------------------------------


def many(count: int) -> str:
    """Return the source of a module with *count* commands, each with a function and a fixup."""
    entries = "".join(f'\t{{"command_{number}", nop, 2, fixup, REQUEST_ROUTE}},\n' for number in range(count))
    first, _, last = COMMANDS.partition('\t{"nop", nop')
    return f"{first}{entries}\t{{0, 0, 0, 0, 0}},\n{last[last.index('};') :]}"


def reading(directory: Path) -> list[Row]:
    small, large = (compile_text(many(count), directory, f"many_{count}") for count in ENTRIES)

    def load(path: Path) -> Callable[[], object]:
        return lambda: native.load(path)

    start = time.perf_counter()
    native.load(small)
    print(f"the first load of {ENTRIES[0]} exports: {seconds(time.perf_counter() - start)}", file=sys.stderr)
    times = ENTRIES[1] // ENTRIES[0]
    return [
        compare(
            f"load {ENTRIES[1]} exports",
            load(large),
            f"load {ENTRIES[0]} exports",
            load(small),
            f"at most {times}, and ours at most {seconds(60e-6 * ENTRIES[1])}",
            repeats=9,
        )
    ]


def rows() -> list[Row]:
    """Measure."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        return [*commands(directory), *callbacks(directory), *reading(directory)]

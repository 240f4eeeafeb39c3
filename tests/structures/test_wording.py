"""The wording of messages: numbers with their nouns, and articles; and every message that counts something.

Each call of ``counted`` and ``either`` in sermod has a row in ``MESSAGES``, which makes its message with 0, 1 and 2.
"""

from __future__ import annotations

import ast
import errno
import re
import threading
from pathlib import Path
from unittest import mock

import pytest
from making import make_exports, mistakes_in

from sermod import (
    INT_PARAM,
    REQUEST_ROUTE,
    Cell,
    CmdExport,
    ConfigurationErrors,
    GivingUp,
    InvalidExportsError,
    Lifecycle,
    LifecycleError,
    Module,
    ModuleExports,
    ParamCountError,
    ParamExport,
    Prefork,
    Registry,
    SermodError,
    ShadowedCommandError,
    UnknownCommandError,
    command,
    describe,
    find_problems,
    list_param,
    uses,
)
from sermod._problems import counted, either, kind_of, with_article
from sermod.fixups import for_each
from sermod.testing import CheckFailedError, MissingExport
from sermod.testing.checks.behaviour import children_share_nothing
from sermod.testing.harness.pairs import stand_ins_of

PACKAGE = Path(__file__).parents[2] / "sermod"


class TestCounted:
    @pytest.mark.parametrize(
        ("number", "text"), [(0, "0 parameters"), (1, "1 parameter"), (2, "2 parameters"), (101, "101 parameters")]
    )
    def test_a_plural_with_an_s(self, number, text):
        assert text == counted(number, "parameter")

    @pytest.mark.parametrize(("number", "text"), [(0, "0 entries"), (1, "1 entry"), (2, "2 entries")])
    def test_another_plural(self, number, text):
        assert text == counted(number, "entry", "entries")


class TestEither:
    @pytest.mark.parametrize(
        ("numbers", "text"),
        [
            ([], "no number of parameters"),
            ([0], "0 parameters"),
            ([1], "1 parameter"),
            ([2], "2 parameters"),
            ([0, 1], "0 or 1 parameter"),
            ([0, 2], "0 or 2 parameters"),
            ([0, 1, 2], "0, 1 or 2 parameters"),
            (range(4), "0, 1, 2 or 3 parameters"),
        ],
    )
    def test_the_last_number_decides_about_the_plural(self, numbers, text):
        assert text == either(numbers, "parameter")


class TestArticle:
    @pytest.mark.parametrize(
        ("noun", "text"), [("int", "an int"), ("str", "a str"), ("Enum", "an Enum"), ("NoneType", "a NoneType")]
    )
    def test_it_fits_the_noun(self, noun, text):
        assert text == with_article(noun)

    @pytest.mark.parametrize(
        ("value", "text"),
        [(1, "an int"), ("1", "a str"), (None, "a NoneType"), (OSError(), "an OSError"), ([], "a list")],
    )
    def test_the_kind_of_a_value(self, value, text):
        assert text == kind_of(value)


# Every message that counts something ----------------------------------------------------------------------------------


def any_function(msg, *params):
    return 1


def refuse(param, param_no):
    raise ValueError("it is refused")


def entries(number):
    return [CmdExport(f"c{index}", any_function) for index in range(number)]


def calls(number):
    """Return commands for a script, each with a fixup that refuses its parameter."""
    return [CmdExport(f"c{index}", any_function, 1, refuse, REQUEST_ROUTE) for index in range(number)]


def message_of(code, exports, **script):
    """Return the message of the only problem of a code."""
    (message,) = [found.message for found in find_problems(exports, **script) if found.code == code]
    return message


def not_terminated(number):
    return message_of("not-terminated", ModuleExports("m", entries(number)))


def after_terminator(number):
    return message_of("after-terminator", ModuleExports("m", [CmdExport(), *entries(number)]))


def half_null(number):
    return message_of("half-null", ModuleExports("m", [CmdExport(0, any_function), *entries(number)]))


def unreachable(number):
    exports = make_exports("m", CmdExport("c", any_function, 5, 0, REQUEST_ROUTE))
    return message_of("unreachable-command", exports, script_param_no=[number])


def invalid_exports(number):
    with pytest.raises(InvalidExportsError) as caught:
        Registry().register(make_exports("m", *(CmdExport(f"c{index}") for index in range(number))))
    assert number == len(caught.value.problems)
    return str(caught.value)


def shadowed(number):
    core = Registry()
    core.register(make_exports("old", CmdExport("c", any_function, number, 0, REQUEST_ROUTE)))
    with pytest.raises(ShadowedCommandError) as caught:
        core.register(make_exports("new", CmdExport("c", any_function, number, 0, REQUEST_ROUTE)))
    return str(caught.value)


def wrong_count(number):
    core = Registry()
    core.register(make_exports("m", CmdExport("c", any_function, number, 0, REQUEST_ROUTE)))
    with pytest.raises(ParamCountError) as caught:
        core.require_export("c", number + 1)
    return str(caught.value)


def refused_together(number):
    core = Registry()
    core.register(make_exports("m", *calls(number)))
    for each in calls(number):
        core.bind(each.name, "a", route=REQUEST_ROUTE)
    with pytest.raises(ConfigurationErrors) as caught:
        Lifecycle(core).init()
    return str(caught.value)


def collected(number):
    core = Registry()
    with mistakes_in(core) as caught:
        for index in range(number):
            core.bind(f"c{index}", route=REQUEST_ROUTE)
    return str(caught.value)


def consequences(number):
    core = Registry()
    with mistakes_in(core) as caught:
        core.load("a_module_that_is_not_there")
        for index in range(number):
            core.bind(f"c{index}", route=REQUEST_ROUTE)
    return caught.value.__notes__[0]


def commands_of_exports(number):
    return repr(make_exports("m", *entries(number)))


def parameters_of_exports(number):
    return repr(make_exports("m", *(ParamExport(f"p{index}", INT_PARAM, Cell(0)) for index in range(number))))


def values_of_a_list(number):
    pointer = list_param(int)
    for index in range(number):
        pointer.store(str(index))
    return repr(pointer)


def fixups_of_each(number):
    with pytest.raises(ValueError, match="there is no fixup for parameter") as caught:
        for_each(*[None] * number)("a", number + 1)
    return str(caught.value)


def duplicate_methods(number):
    parameters = "".join(f", p{index}" for index in range(number))
    namespace = {}
    exec(f"def c(self, msg{parameters}): return 1\ndef d(self, msg{parameters}): return 1", namespace)  # noqa: S102 - of any number of parameters
    methods = {name: command(REQUEST_ROUTE, name="c")(namespace[name]) for name in ("c", "d")}
    with pytest.raises(TypeError) as caught:
        type("Twice", (Module,), {"name": "twice", **methods})
    return str(caught.value)


class Using(Module):
    """It uses a function of another module; the number of its parameters is set below."""

    def __init_subclass__(cls, number, **options):
        cls.name, cls.query = "using", uses("query", number)
        cls.query.__set_name__(cls, "query")
        super().__init_subclass__(**options)


def described_use(number):
    return describe(type("One", (Using,), {}, number=number)().exports)


def function_not_there_yet(number):
    with pytest.raises(LifecycleError) as caught:
        _ = type("One", (Using,), {}, number=number)().query
    return str(caught.value)


def not_in_the_core(number):
    import sermod.native.lookup

    core = sermod.native.lookup.CoreLookup(lambda name, param_no, flags: None)
    with pytest.raises(UnknownCommandError) as caught:
        core.require_export("query", number)
    return str(caught.value)


def too_long_for_c(number):
    import sermod.native.parameters

    with (
        mock.patch.object(sermod.native.parameters, "MAX_VALUE_BYTES", -1),
        pytest.raises(ValueError, match="the limit is -1") as caught,
    ):
        sermod.native.parameters.StringVariable(0, []).check("x" * number)
    return str(caught.value)


def too_many_deaths(number):
    return str(GivingUp(1, number, within=60))


def forks_refused(number):
    with (
        mock.patch("os.fork", side_effect=BlockingIOError(errno.EAGAIN, "too many processes")),
        pytest.raises(OSError, match="could be forked") as caught,
    ):
        Prefork(Lifecycle(Registry()), print, number).start()
    return str(caught.value)


def missing_export(number):
    return str(MissingExport("c", number))


def provided_twice(number):
    with pytest.raises(ValueError, match="twice") as caught:
        stand_ins_of([(("c", number), any_function)] * 2)
    return str(caught.value)


def threads_before_fork(number):
    stop = threading.Event()

    def init():
        for _ in range(number):
            threading.Thread(target=stop.wait, daemon=True).start()

    with pytest.raises(CheckFailedError) as caught:
        children_share_nothing(make_exports("m", init_f=init))
    return str(caught.value)


FROM_0 = (0, 1, 2)
FROM_1 = (1, 2)  # with 0, there is nothing to report
FROM_2 = (2,)  # 1 error is raised as it is

MESSAGES = {
    ("_classes/commands.py", "check_no_duplicates", "parameter"): (duplicate_methods, FROM_0),
    ("_classes/description.py", "_use", "parameter"): (described_use, FROM_0),
    ("_classes/used.py", "Used.__get__", "parameter"): (function_not_there_yet, FROM_0),
    ("_core/collecting.py", "ErrorCollector.collecting", "mistake"): (collected, FROM_1),
    ("_core/collecting.py", "ErrorCollector.collecting", "further error"): (consequences, FROM_1),
    ("_core/commands.py", "CommandIndex.not_found", "parameter"): (wrong_count, FROM_0),
    ("_interface/exports.py", "ModuleExports.__repr__", "command"): (commands_of_exports, FROM_0),
    ("_interface/exports.py", "ModuleExports.__repr__", "parameter"): (parameters_of_exports, FROM_0),
    ("_interface/lists.py", "ListPointer.__repr__", "value"): (values_of_a_list, FROM_0),
    ("_interface/validation.py", "_check_command", "parameter"): (unreachable, FROM_0),
    ("_interface/validation.py", "_check_nothing_follows", "entry"): (after_terminator, FROM_1),
    ("_interface/validation.py", "_entries", "entry"): (half_null, FROM_0),
    ("_interface/validation.py", "_not_terminated", "entry"): (not_terminated, FROM_0),
    ("_prefork/events.py", "GivingUp.__str__", "death"): (too_many_deaths, FROM_0),
    ("_prefork/supervisor.py", "Supervisor.fork_first", "child"): (forks_refused, FROM_1),
    ("errors.py", "InvalidExportsError.__init__", "problem"): (invalid_exports, FROM_1),
    ("errors.py", "ShadowedCommandError.__init__", "parameter"): (shadowed, FROM_0),
    ("errors.py", "raise_together", "mistake"): (refused_together, FROM_2),
    ("fixups.py", "for_each.fixup", "fixup"): (fixups_of_each, FROM_0),
    ("native/lookup.py", "CoreLookup.require_export", "parameter"): (not_in_the_core, FROM_0),
    ("native/parameters.py", "StringVariable.check", "byte"): (too_long_for_c, FROM_0),
    ("testing/checks/behaviour.py", "children_share_nothing", "thread"): (threads_before_fork, FROM_1),
    ("testing/harness/pairs.py", "stand_ins_of", "parameter"): (provided_twice, FROM_0),
    ("testing/harness/recorder.py", "MissingExport.__str__", "parameter"): (missing_export, FROM_0),
}
"""For the file, the function and the noun of each call: what makes the message, and with which numbers."""

NOUNS = {"child": "children", "entry": "entries"}
"""The plurals that are not formed with an "s"."""


def sites_in(tree, name=""):
    """Yield the function and the noun of each call of ``counted`` and ``either``."""
    for node in ast.iter_child_nodes(tree):
        inner = name
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            inner = f"{name}.{node.name}".lstrip(".")
        elif isinstance(node, ast.Call) and getattr(node.func, "id", None) in {"counted", "either"}:
            yield name, ast.literal_eval(node.args[1])
        yield from sites_in(node, inner)


SITES = sorted(
    (file.relative_to(PACKAGE).as_posix(), *site)
    for file in PACKAGE.rglob("*.py")
    if file.name != "_problems.py"  # the functions themselves
    and (file.parent.name != "native" or file.name in {"lookup.py", "parameters.py"})  # the others: tests/native
    for site in sites_in(ast.parse(file.read_text(encoding="utf-8")))
)


def plural(noun):
    return NOUNS.get(noun, f"{noun}s")


def wrong_numbers():
    """Return a pattern for a number with the wrong form of any noun."""
    nouns = {noun for _, _, noun in MESSAGES}
    return rf"\b1 ({'|'.join(map(plural, nouns))})\b|\b(0|2) ({'|'.join(nouns)})\b"


def test_every_message_that_counts_is_in_the_table():
    """A new one fails here until it has a row."""
    assert set() == {*SITES} - MESSAGES.keys()


@pytest.mark.parametrize("site", [pytest.param(site, id="-".join(site)) for site in dict.fromkeys(SITES)])
def test_a_message_has_the_right_form_for_each_number(site):
    make, numbers = MESSAGES[site]
    noun = site[-1]

    for number in numbers:
        message = make(number)
        assert re.search(rf"\b{number} {noun if number == 1 else plural(noun)}\b", message)
        assert not re.search(wrong_numbers(), message)


@pytest.mark.parametrize(
    ("make", "number", "text"),
    [
        (after_terminator, 1, "1 entry follows the terminator"),
        (after_terminator, 2, "2 entries follow the terminator"),
        (half_null, 0, "0 entries follow"),
        (half_null, 1, "1 entry follows"),
        (half_null, 2, "2 entries follow"),
    ],
)
def test_a_verb_agrees_with_its_number(make, number, text):
    assert re.search(rf"\b{text}\b", make(number))


def test_the_error_of_one_mistake_is_a_group_too():
    """``collect_errors`` raises one error and several in the same way."""
    core = Registry()
    with mistakes_in(core) as caught:
        core.bind("c", route=REQUEST_ROUTE)

    assert str(caught.value).startswith("the configuration has 1 mistake (")
    assert isinstance(caught.value, SermodError)


@pytest.mark.parametrize("wrong", ["takes 1 parameters", "0 entry follow", "2 mistake"])
def test_a_wrong_form_is_seen(wrong):
    assert re.search(wrong_numbers(), wrong)

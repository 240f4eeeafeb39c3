"""Every exception: its bases, its attributes, its text."""

from __future__ import annotations

import inspect

import pytest

import sermod
from sermod import errors
from sermod._problems import problem
from sermod.errors import (
    AlreadyLoadedError,
    ChildDiedError,
    ChildInitError,
    CommandResultError,
    ConfigurationErrors,
    DuplicateModuleError,
    FixupError,
    InsecurePathError,
    InterfaceWarning,
    InvalidExportsError,
    LifecycleError,
    LoadError,
    MissingParamError,
    ModuleFileNotFoundError,
    ModuleInitError,
    NoExportsError,
    ParamCountError,
    ParamTypeError,
    ParamValueError,
    RouteError,
    SermodError,
    ShadowedCommandError,
    UnknownCommandError,
    UnknownModuleError,
    UnknownParamError,
    listed,
    nearest_name,
)

ERROR = problem("cmds[0].function", "null-function", "command 'foo' has no function")
WARNING = problem("cmds[1].flags", "unknown-flag", "command 'bar' has the flags 0x8")

LOAD = {"what": "foobar", "origin": "/srv/foobar.py"}
CALL = {"command": "foo", "takes": (1, 2), "got": 3}
PARAM = {"module": "foobar", "param": "foo_bar", "value": "5"}
INIT = {"module": "foobar", "code": -1, "rank": 3, "traceback": "Traceback ..."}

# Each error, what else it is, and the attributes that it carries, which are also what it is made from.
TABLE = [
    (InvalidExportsError, ValueError, {"module": "foobar", "problems": (ERROR, WARNING)}),
    (InterfaceWarning, UserWarning, {"module": "foobar", "problem": WARNING}),
    (LoadError, ImportError, LOAD),
    (ModuleFileNotFoundError, LoadError, LOAD),
    (NoExportsError, LoadError, LOAD),
    (AlreadyLoadedError, LoadError, LOAD),
    (InsecurePathError, LoadError, LOAD),
    (DuplicateModuleError, ValueError, {"module": "foobar", "origin": "/a/foobar.py", "existing_origin": None}),
    (
        ShadowedCommandError,
        ValueError,
        {"module": "foobar", "existing_module": "barfoo", "command": "foo", "param_no": 2},
    ),
    (UnknownModuleError, LookupError, {"asked": "fobar", "available": ("barfoo", "foobar"), "nearest": "foobar"}),
    (UnknownCommandError, LookupError, {"asked": "foo_rek", "available": ("bar", "foo_req"), "nearest": "foo_req"}),
    (ParamCountError, ValueError, CALL),
    (RouteError, ValueError, CALL),
    (ParamTypeError, TypeError, PARAM),
    (ParamValueError, ValueError, PARAM),
    (MissingParamError, ValueError, {"params": (("foobar", "foo_bar"), ("acc", "db_url"))}),
    (
        FixupError,
        ValueError,
        {
            "module": "foobar",
            "command": "foo",
            "param_no": 1,
            "value": "x",
            "where": "ser.cfg:12",
            "param_name": "limit",
            "route": 1,
        },
    ),
    (CommandResultError, TypeError, {"module": "foobar", "command": "foo", "value": True}),
    (LifecycleError, RuntimeError, {"state": "configuring", "call": "destroy()"}),
    (ModuleInitError, RuntimeError, INIT),
    (ChildInitError, RuntimeError, INIT),
    (
        ChildDiedError,
        RuntimeError,
        {"rank": 2, "pid": 4711, "exitcode": None, "signal": "SIGKILL", "traceback": "Traceback ..."},
    ),
]

BY_POSITION = (InvalidExportsError, InterfaceWarning, MissingParamError)
WITHOUT_MESSAGE = (*BY_POSITION, DuplicateModuleError, ShadowedCommandError)
"""These say everything themselves; the others are given their message."""

every_error = pytest.mark.parametrize(
    ("kind", "also", "carries"), TABLE, ids=lambda value: value.__name__ if isinstance(value, type) else ""
)


def make(kind, carries):
    arguments = dict(carries)
    if kind in BY_POSITION:
        return kind(*arguments.values())
    if kind in (DuplicateModuleError, ShadowedCommandError):
        return kind(arguments.pop("module"), **arguments)
    return kind("what was asked, what was found, what to do", **arguments)


@every_error
class TestEvery:
    def test_derives_from_sermod_error_and_from_a_built_in(self, kind, also, carries):
        assert issubclass(kind, SermodError)
        assert issubclass(kind, also)

    def test_carries_what_it_talks_about(self, kind, also, carries):
        error = make(kind, carries)

        assert carries == {name: getattr(error, name) for name in carries}

    def test_says_what_it_was_given_to_say(self, kind, also, carries):
        text = str(make(kind, carries))

        if kind in WITHOUT_MESSAGE:
            assert "'foobar'" in text
        else:
            assert text.removeprefix("ser.cfg:12: ").startswith("what was asked, what was found, what to do")

    def test_is_a_public_name(self, kind, also, carries):
        assert kind is getattr(sermod, kind.__name__)


def test_the_table_above_has_every_exception():
    """A new exception needs a row in the table; only the common bases have none."""
    there_are = {
        kind
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and issubclass(kind, SermodError) and not name.startswith("_")
    }

    assert there_are == {kind for kind, _, _ in TABLE} | {SermodError, UnknownParamError, ConfigurationErrors}


class TestInvalidExports:
    """It prints every problem, one a line."""

    def test_message(self):
        lines = str(InvalidExportsError("foobar", [ERROR, WARNING])).splitlines()

        assert ["the exports of module 'foobar' have 2 problems:", f"  {ERROR}", f"  {WARNING}"] == lines

    def test_a_module_without_a_name(self):
        error = InvalidExportsError(None, [ERROR])

        assert error.module is None
        assert str(error).startswith("the exports of a module without a name have 1 problem:")

    def test_the_problems_are_kept_as_a_tuple(self):
        assert (ERROR,) == InvalidExportsError("foobar", [ERROR]).problems


def test_interface_warning_names_the_module_and_the_problem():
    assert f"module 'foobar': {WARNING}" == str(InterfaceWarning("foobar", WARNING))


class TestBothModules:
    """The error names both modules, and what to do."""

    def test_duplicate(self):
        text = str(DuplicateModuleError("foobar", origin="/b/foobar.py", existing_origin="/a/foobar.py"))

        assert "'foobar' (from /b/foobar.py) is not registered" in text
        assert "(from /a/foobar.py)" in text
        assert text.endswith("give one of them another name in its exports")

    def test_duplicate_from_memory(self):
        assert 2 == str(DuplicateModuleError("foobar", origin=None, existing_origin=None)).count("(from memory)")

    def test_shadowed(self):
        text = str(ShadowedCommandError("new", existing_module="old", command="foo", param_no=2))

        for part in ("'new' is not registered", "'foo' with 2 parameters", "'old'", "Registry(allow_shadowing=True)"):
            assert part in text


def test_missing_parameters_are_listed_one_a_line():
    lines = str(MissingParamError([("foobar", "foo_bar"), ("acc", "db_url")])).splitlines()

    assert [
        "required parameters are not set; set them before init:",
        "  'foo_bar' of module 'foobar'",
        "  'db_url' of module 'acc'",
    ] == lines


class TestUnknown:
    """What was asked, the nearest name, and what there is."""

    def test_parameter(self):
        """The sentence that the users of later cores miss."""
        error = UnknownParamError("dispatcher", "dst_avp", ["flags", "dst_avps", "flags"])

        assert (
            "module 'dispatcher' has no parameter 'dst_avp'; did you mean 'dst_avps'? It has: dst_avps, flags"
            == str(error)
        )
        assert ("dispatcher", "dst_avp", "dst_avps") == (error.module, error.asked, error.nearest)
        assert ("dst_avps", "flags") == error.available
        assert isinstance(error, LookupError)

    def test_nothing_near(self):
        error = UnknownParamError("dispatcher", "xyz", ["flags"])

        assert error.nearest is None
        assert "module 'dispatcher' has no parameter 'xyz'. It has: flags" == str(error)

    def test_nothing_at_all(self):
        error = UnknownModuleError("no module 'tm' is loaded", asked="tm", available=[])

        assert () == error.available
        assert "no module 'tm' is loaded. There is: nothing" == str(error)

    def test_a_nearest_name_that_is_known_better(self):
        """A caller that knows the name that was meant passes it, however different it is."""
        error = UnknownModuleError("no module 'sl'", asked="sl", available=["sl_module", "slx"], nearest="sl_module")

        assert "sl_module" == error.nearest


class TestNames:
    """Lists of names in messages stay readable."""

    def test_sorted_without_repetition(self):
        assert "a, b" == listed(["b", "a", "b"])

    def test_nothing(self):
        assert "nothing" == listed([])

    def test_forty_at_most(self):
        names = [f"name{number:02}" for number in range(42)]

        assert ", ".join(names[:40]) == listed(names[:40])
        assert f"{', '.join(names[:40])}, and 1 more" == listed(names[:41])
        assert f"{', '.join(names[:40])}, and 2 more" == listed(names)

    @pytest.mark.parametrize(
        ("asked", "nearest"), [("dst_avp", "dst_avps"), ("FLAGS", None), ("", None), ("flag", "flags")]
    )
    def test_nearest(self, asked, nearest):
        assert nearest == nearest_name(asked, ["dst_avps", "flags"])


class TestOptional:
    """An attribute whose value is not known is ``None``."""

    def test_load_error_before_a_file_was_found(self):
        assert LoadError("it is nowhere", what="foobar").origin is None

    @pytest.mark.parametrize("kind", [ModuleInitError, ChildInitError])
    def test_init(self, kind):
        error = kind("it failed", module="foobar")

        assert (None, None, None) == (error.code, error.rank, error.traceback)

    def test_fixup(self):
        error = FixupError("it is refused", module="m", command="c", param_no=1, value="x", where=None)

        assert (None, 0) == (error.param_name, error.route)

    def test_child_died(self):
        error = ChildDiedError("it ended", rank=1, pid=2)

        assert (None, None, None) == (error.exitcode, error.signal, error.traceback)

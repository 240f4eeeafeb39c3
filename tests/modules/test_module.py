"""A module that is a class: its exports, its instances, its inheritance."""

from __future__ import annotations

import functools

import pytest

from sermod import (
    INT_PARAM,
    REPLY_ROUTE,
    REQUEST_ROUTE,
    STR_PARAM,
    Lifecycle,
    Module,
    ModuleExports,
    Pointer,
    Registry,
    RouteFlag,
    command,
    find_problems,
    int_param,
    pointer_param,
    str_param,
)


class Foobar(Module):
    """Counts what it is told to count."""

    name = "foobar"
    foo_bar = int_param(0)
    bar_foo = str_param("default value")

    def __init__(self):
        self.journal = []

    @command(REQUEST_ROUTE)
    def foo_req(self, msg, limit: int, pattern: str):
        self.journal.append(("foo_req", msg, limit, pattern))
        return limit + self.foo_bar

    @command()
    def foo_int(self, msg, param1, param2):
        return 1

    def mod_init(self):
        self.journal.append("init")
        return 0

    def child_init(self, rank):
        self.journal.append(rank)

    def destroy(self):
        self.journal.append("destroy")

    def response(self, msg):
        return 0

    def onbreak(self, msg):
        self.journal.append(("onbreak", msg))


def commands_of(module):
    return [(each.name, each.param_no, each.flags) for each in module.exports.commands]


class TestExports:
    """They are a ``ModuleExports`` like any other."""

    def test_they_are_those_of_the_c_shape(self):
        module = Foobar()
        exports = module.exports

        assert type(exports) is ModuleExports
        assert "foobar" == exports.name
        assert [("foo_req", 2, REQUEST_ROUTE), ("foo_int", 2, RouteFlag(0))] == commands_of(module)
        assert [("foo_bar", INT_PARAM), ("bar_foo", STR_PARAM)] == [
            (each.name, each.type) for each in exports.parameters
        ]
        assert (module.foo_req, module.foo_int) == tuple(each.function for each in exports.commands)
        assert (module.mod_init, module.response, module.destroy, module.onbreak, module.child_init) == (
            exports.init_f,
            exports.response_f,
            exports.destroy_f,
            exports.onbreak_f,
            exports.init_child_f,
        )
        assert exports.cmds[-1].is_terminator
        assert exports.params[-1].is_terminator

    def test_the_validator_finds_nothing_in_them(self):
        assert () == find_problems(Foobar().exports)

    def test_they_are_the_same_object_each_time(self):
        module = Foobar()

        assert module.exports is module.exports

    def test_what_it_does_not_have_is_null(self):
        class Nothing(Module):
            name = "nothing"

        assert ModuleExports("nothing") == Nothing().exports

    def test_a_whole_life(self):
        """Parameters are set, calls bound and fixed up, hooks run, as for any other module."""
        module = Foobar()
        core = Registry()
        core.register(module.exports)
        core.set_param("foobar", "foo_bar", -5)
        route = [core.bind("foo_req", "5", "x", route=REQUEST_ROUTE)]
        with Lifecycle(core) as life:
            life.init_child(1)
            assert 0 == life.run_route(route, "msg")
            assert life.process_reply("reply") is False

        assert ["init", 1, ("foo_req", "msg", 5, "x"), ("onbreak", "msg"), "destroy"] == module.journal

    def test_a_class_without_a_name_has_none(self):
        class Base(Module):
            pass

        with pytest.raises(TypeError, match='Base has no name; write name = "base" in its body'):
            _ = Base().exports


class TestCommands:
    """What a decorator and a signature say."""

    def test_the_method_stays_what_it_is(self):
        assert 7 == Foobar().foo_req("msg", 7, "x")
        assert "foo_req" == Foobar.foo_req.__name__

    def test_a_name_of_its_own(self):
        class Auth(Module):
            name = "auth"

            @command(name="~pre_auth")
            def pre_auth(self, msg):
                return 1

        module = Auth()

        assert [("~pre_auth", 0, 0)] == commands_of(module)
        assert () == find_problems(module.exports)

    def test_each_default_is_an_overload(self):
        class Log(Module):
            name = "log"

            @command(REQUEST_ROUTE | REPLY_ROUTE)
            def log(self, msg, text="hello", level: int = 3):
                return f"{text} {level}"

        module = Log()
        core = Registry()
        core.register(module.exports)
        calls = [core.bind("log", *params, route=REPLY_ROUTE) for params in ((), ("x",), ("x", "1"))]
        Lifecycle(core).init()

        both = REQUEST_ROUTE | REPLY_ROUTE
        assert [("log", 0, both), ("log", 1, both), ("log", 2, both)] == commands_of(module)
        assert ["hello 3", "x 3", "x 1"] == [call.run("msg") for call in calls]

    def test_an_overload_has_a_fixup_only_where_one_of_its_parameters_has(self):
        """Otherwise it would be a fixup that is never needed, or one without parameters."""

        class Log(Module):
            name = "log"

            @command(REQUEST_ROUTE)
            def log(self, msg, text: str = "", level: int = 3):
                return 1

        assert [False, False, True] == [each.fixup is not None for each in Log().exports.commands]

    def test_overloads_of_internal_commands_too(self):
        class Api(Module):
            name = "api"

            @command()
            def load(self, msg, what=None):
                return 1

        assert [("load", 0, 0), ("load", 1, 0)] == commands_of(Api())

    def test_one_name_for_two_routes(self):
        class Two(Module):
            name = "two"

            @command(REQUEST_ROUTE, name="send")
            def send_request(self, msg):
                return 1

            @command(REPLY_ROUTE, name="send")
            def send_reply(self, msg):
                return 2

        assert [("send", 0, REQUEST_ROUTE), ("send", 0, REPLY_ROUTE)] == commands_of(Two())
        assert () == find_problems(Two().exports)

    def test_any_flags_that_a_host_has(self):
        class Branch(Module):
            name = "branch"

            @command(RouteFlag(8))
            def branch(self, msg):
                return 1

        assert [("branch", 0, RouteFlag(8))] == commands_of(Branch())

    def test_other_decorators_below(self):
        """Where they return functions, the signature is that of the method."""

        def counted(function):
            @functools.wraps(function)
            def wrapper(*args):
                return 100 + function(*args)

            return wrapper

        class Wrapped(Module):
            name = "wrapped"

            @command(REQUEST_ROUTE)
            @counted
            def above(self, msg, limit: int):
                return limit

            @counted
            @command(REQUEST_ROUTE)
            def below(self, msg, limit: int):
                return limit

        core = Registry()
        core.register(Wrapped().exports)
        calls = [core.bind(name, "5", route=REQUEST_ROUTE) for name in ("above", "below")]
        Lifecycle(core).init()

        assert [105, 105] == [call.run("msg") for call in calls]


class TestInstances:
    """Two of one class share nothing."""

    def test_parameters_are_apart(self):
        first, second = Foobar(), Foobar()
        core, other = Registry(), Registry()
        core.register(first.exports)
        other.register(second.exports)
        core.set_param("foobar", "foo_bar", 5)
        other.modparam("foo.*", "bar_foo", "set")

        assert (5, "default value") == (first.foo_bar, first.bar_foo)
        assert (0, "set") == (second.foo_bar, second.bar_foo)
        assert 0 == Foobar.foo_bar

    def test_exports_are_apart(self):
        first, second = Foobar(), Foobar()

        assert first.exports.commands[0].function != second.exports.commands[0].function
        assert first.exports != second.exports

    def test_an_init_that_does_not_call_super_does_no_harm(self):
        """``Foobar.__init__`` does not call ``super().__init__()``."""
        assert () == find_problems(Foobar().exports)

    def test_a_parameter_is_an_ordinary_attribute(self):
        module = Foobar()
        module.foo_bar = 3

        assert 3 == module.exports.parameters[0].param_pointer.load()


class TestInheritance:
    """It works as a reader of Python expects."""

    def test_a_subclass_adds(self):
        class More(Foobar):
            name = "more"
            retries = int_param(3)

            @command(REQUEST_ROUTE)
            def more(self, msg):
                return 1

        assert [("foo_req", 2, REQUEST_ROUTE), ("foo_int", 2, 0), ("more", 0, REQUEST_ROUTE)] == commands_of(More())
        assert ["foo_bar", "bar_foo", "retries"] == [each.name for each in More().exports.parameters]
        assert More().mod_init() == 0
        assert ["foo_req", "foo_int"] == [each.name for each in Foobar().exports.commands]

    def test_a_command_that_is_overridden_is_still_that_command(self):
        """It need not be marked again, and its signature is the new one."""

        class Shorter(Foobar):
            def foo_req(self, msg, limit: int):
                return super().foo_req(msg, limit, "always")

        module = Shorter()
        core = Registry()
        core.register(module.exports)
        call = core.bind("foo_req", "5", route=REQUEST_ROUTE)
        Lifecycle(core).init()

        assert [("foo_req", 1, REQUEST_ROUTE), ("foo_int", 2, 0)] == commands_of(module)
        assert 5 == call.run("msg")
        assert ("foo_req", "msg", 5, "always") == module.journal[-1]

    def test_a_command_that_is_marked_again_is_the_new_one(self):
        class Reply(Foobar):
            @command(REPLY_ROUTE, name="foo_reply")
            def foo_req(self, msg):
                return 1

        assert [("foo_reply", 0, REPLY_ROUTE), ("foo_int", 2, 0)] == commands_of(Reply())

    def test_none_takes_a_command_away(self):
        class Less(Foobar):
            foo_req = None

        assert [("foo_int", 2, 0)] == commands_of(Less())

    def test_a_plain_value_is_another_default(self):
        class Other(Foobar):
            foo_bar = 7
            bar_foo = None

        class Last(Other):
            pass

        assert [7, None] == [each.param_pointer.load() for each in Last().exports.parameters]
        assert () == find_problems(Last().exports)

    def test_a_parameter_is_declared_anew(self):
        class Other(Foobar):
            foo_bar = str_param("text", name="foo")

        assert ["foo", "bar_foo"] == [each.name for each in Other().exports.parameters]
        assert "text" == Other().foo_bar

    def test_super_works_in_every_hook(self):
        class Base(Module):
            name = "base"

            def mod_init(self):
                return super().mod_init()

            def child_init(self, rank):
                return super().child_init(rank)

            def destroy(self):
                return super().destroy()

            def response(self, msg):
                return super().response(msg)

            def onbreak(self, msg):
                return super().onbreak(msg)

        exports = Base().exports

        assert (None, None, None, 1, None) == (
            exports.init_f(),
            exports.init_child_f(1),
            exports.destroy_f(),
            exports.response_f("msg"),
            exports.onbreak_f("msg"),
        )

    def test_a_mixin_brings_commands_parameters_and_hooks(self):
        """It is a plain class, and stands in front of the module."""

        class Loud:
            level = int_param(1)

            @command(REQUEST_ROUTE)
            def shout(self, msg, times: int):
                return times * self.level

            def mod_init(self):
                self.loud = True
                return super().mod_init()

        class LoudFoobar(Loud, Foobar):
            pass

        module = LoudFoobar()

        assert {("shout", 1, REQUEST_ROUTE), ("foo_req", 2, REQUEST_ROUTE), ("foo_int", 2, 0)} == {*commands_of(module)}
        assert {"level": 1, "foo_bar": 0, "bar_foo": "default value"} == {
            each.name: each.param_pointer.load() for each in module.exports.parameters
        }
        assert (0, True, ["init"]) == (module.exports.init_f(), module.loud, module.journal)
        assert 3 == module.shout("msg", 3)

    def test_two_classes_of_one_mixin_do_not_meet(self):
        class Mixin:
            level = int_param(1)

        class First(Mixin, Module):
            name = "first"
            level = 2

        class Second(Mixin, Module):
            name = "second"

        class Louder:
            level = int_param(5)

        class Third(Louder, First):
            pass

        assert (2, 1, 5) == (First.level, Second.level, Third.level)
        assert [2, 1, 5] == [cls().exports.parameters[0].param_pointer.load() for cls in (First, Second, Third)]

    def test_a_mixin_gives_a_parameter_another_default(self):
        class Defaults:
            foo_bar = 9

        class Configured(Defaults, Foobar):
            pass

        assert 9 == Configured().exports.parameters[0].param_pointer.load()

    def test_a_diamond(self):
        class Left(Foobar):
            def foo_int(self, msg, param1, param2):
                return 10 + super().foo_int(msg, param1, param2)

        class Right(Foobar):
            def foo_int(self, msg, param1, param2):
                return 100 + super().foo_int(msg, param1, param2)

        class Both(Left, Right):
            pass

        exports = Both().exports

        assert 111 == exports.commands[1].function("msg", "a", "b")
        assert 2 == len(exports.commands)

    def test_options_of_a_class_go_to_the_next(self):
        class Registered:
            def __init_subclass__(cls, *, tag, **options):
                super().__init_subclass__(**options)
                cls.tag = tag

        class Tagged(Module, Registered, tag="x"):
            name = "tagged"

        assert "x" == Tagged.tag


class Level(Pointer):
    """Does something each time it is set."""

    doc = "How loud."
    required = True

    def __init__(self):
        self.seen = []

    def load(self):
        return self.seen[-1] if self.seen else 0

    def store(self, value):
        self.seen.append(value)


class TestPointerParam:
    """A parameter that does something each time it is set is a pointer of the author's own."""

    class Loud(Module):
        name = "loud"
        level = pointer_param(INT_PARAM, Level, name="loudness")

    def test_each_instance_has_its_own_pointer(self):
        first, second = self.Loud(), self.Loud()
        core = Registry()
        core.register(first.exports)
        core.set_param("loud", "loudness", 3)
        core.set_param("loud", "loudness", 5)

        assert [3, 5] == first.level.seen
        assert [] == second.level.seen
        assert first.level is first.exports.parameters[0].param_pointer
        assert () == find_problems(second.exports)

    def test_the_class_shows_the_declaration(self):
        assert "PointerParam" == type(self.Loud.level).__name__

    def test_what_makes_no_pointer_is_a_type_error(self):
        class Broken(Module):
            name = "broken"
            level = pointer_param(INT_PARAM, dict)

        with pytest.raises(TypeError, match=r"ParamExport\.param_pointer: takes a Pointer"):
            _ = Broken().exports

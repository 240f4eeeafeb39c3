"""Functions of other modules: `require_function`, and `uses` in the body of a class."""

from __future__ import annotations

import copy
import inspect

import pytest
from making import make_exports

from sermod import (
    REPLY_ROUTE,
    REQUEST_ROUTE,
    CmdExport,
    ConfigurationErrors,
    Lifecycle,
    LifecycleError,
    Module,
    ModuleInitError,
    ParamCountError,
    Registry,
    RouteError,
    UnknownCommandError,
    command,
    describe,
    find_problems,
    internal,
    require_function,
    uses,
)
from sermod._interface.lookup import used_functions
from sermod.testing import ModuleHarness, Setup, check_module


class Database(Module):
    name = "database"

    def __init__(self, answer="row"):
        self.answer = answer

    @internal(name="~query")
    def query(self, text: str, limit: int = 1) -> list[str]:
        return [f"{self.answer} of {text}"] * limit

    @command(REQUEST_ROUTE)
    def store(self, msg, text: str):
        return len(text)


class Users(Module):
    """Knows who may call."""

    name = "users"
    query = uses("~query", 2)
    store = uses("store", 1, REQUEST_ROUTE)

    def mod_init(self):
        """Look for the rows."""
        self.at_init = self.query

    @command(REQUEST_ROUTE)
    def is_known(self, msg, name: str):
        return len(self.query(name, 2))


class Silent(Module):
    """It has no hook of its own."""

    name = "silent"
    query = uses("~query", 1)


def initialised(*modules):
    core = Registry()
    for module in modules:
        core.register(module.exports)
    life = Lifecycle(core)
    life.init()
    return life


class TestUses:
    """The attribute is the function, from the module's own `mod_init` on."""

    def test_from_mod_init_on(self):
        users = Users()
        initialised(users, Database())

        assert ["row of a", "row of a"] == users.query("a", 2)
        assert users.query == users.at_init
        assert 3 == users.store(None, "abc")

    def test_without_a_hook_of_its_own(self):
        silent = Silent()
        life = initialised(Database(), silent)

        assert ["row of a"] == silent.query("a")
        life.destroy()

    def test_a_command_uses_it(self):
        core = Registry()
        core.register(Users().exports)
        core.register(Database().exports)
        action = core.bind("is_known", "alice", route=REQUEST_ROUTE)
        with Lifecycle(core):
            assert 2 == action.run("msg")

    def test_two_instances_in_two_registries(self):
        first, second = Users(), Users()
        initialised(first, Database("one"))
        initialised(second, Database("two"))

        assert (["one of a"], ["two of a"]) == (first.query("a", 1), second.query("a", 1))

    def test_it_is_read_as_any_attribute(self):
        """No code of ours runs for it, so that it costs what an attribute costs."""
        users = Users()
        initialised(users, Database())

        assert {"query", "store"} <= vars(users).keys()

    def test_before_that_it_is_a_clear_error(self):
        with pytest.raises(LifecycleError, match=r"Users\.query is not there yet: command '~query' with 2 parameters"):
            Users().query("a", 1)

    def test_before_that_there_is_no_such_attribute(self):
        """So that `hasattr`, `inspect` and others work."""
        users = Users()

        assert not hasattr(users, "query")
        assert "query" not in {name for name, _ in inspect.getmembers(users)}

    def test_the_class_shows_the_declaration(self):
        assert ("~query", 2, 0) == Users.query.function

    def test_what_mod_init_returns_counts(self):
        class Refusing(Silent):
            def mod_init(self):
                return -3

        with pytest.raises(ModuleInitError, match="returned -3"):
            initialised(Refusing(), Database())

    @pytest.mark.parametrize("function", [uses, require_function])
    def test_public(self, function):
        import sermod

        assert getattr(sermod, function.__name__) is function


class TestInheritance:
    """As for any other attribute."""

    def test_a_mixin_and_a_base_bring_some(self):
        class Mixin:
            store = uses("store", 1)

        class Both(Mixin, Silent):
            pass

        both = Both()
        initialised(both, Database())

        assert (["row of a"], 1) == (both.query("a"), both.store(None, "a"))

    @pytest.mark.parametrize("value", [None, lambda self, text: [text]], ids=["none", "method"])
    def test_a_subclass_takes_one_away(self, value):
        class Alone(Silent):
            query = value

        assert Alone().exports.init_f is None

    def test_a_subclass_uses_another(self):
        class Other(Silent):
            query = uses("~query", 2)

        assert [("~query", 2, 0)] == [*used_functions(Other().exports.init_f)]


class TestMissing:
    """What no module exports is found by a dry run and by `init()`, together with everything else."""

    def test_check(self):
        core = Registry()
        core.register(Users().exports)

        with pytest.raises(ConfigurationErrors) as caught:
            core.check()

        assert [
            "no loaded module exports command '~query' that module 'users' uses (is a load() missing?)",
            "no loaded module exports command 'store' that module 'users' uses (is a load() missing?)",
        ] == [str(error).partition(".")[0].partition(";")[0] for error in caught.value.exceptions]

    def test_init_runs_nothing(self):
        users = Users()
        core = Registry()
        core.register(users.exports)
        life = Lifecycle(core)

        with pytest.raises(ConfigurationErrors):
            life.init()

        assert not hasattr(users, "at_init")
        core.register(Database().exports)
        life.init()
        assert users.at_init is not None

    def test_another_number_of_parameters(self):
        with pytest.raises(ParamCountError, match=r"'~query' that module 'other' uses takes 1 or 2 parameters \(got 3"):
            initialised(Database(), type("Other", (Module,), {"name": "other", "query": uses("~query", 3)})())

    def test_another_route(self):
        with pytest.raises(RouteError):
            initialised(Database(), type("Other", (Module,), {"name": "other", "s": uses("store", 1, REPLY_ROUTE)})())

    def test_a_host_that_does_not_check(self):
        """The `init_f` itself reports every function that is missing."""
        from sermod._interface.lookup import looking_up_in

        with looking_up_in(Registry()), pytest.raises(ConfigurationErrors, match="2 mistakes"):
            Users().exports.init_f()

    def test_without_a_look_up(self):
        with pytest.raises(LifecycleError, match=r"there is no look-up here: run it by a Lifecycle or a ModuleHarness"):
            Users().exports.init_f()


class TestHarness:
    """The testing kit reports what is missing, and serves it with `provides=`."""

    def test_provided(self):
        with ModuleHarness(Silent, provides={("~query", 1): lambda text: [text]}) as harness:
            assert ["a"] == harness.instance.query("a")

    def test_missing(self):
        harness = ModuleHarness(Silent)
        with pytest.raises(UnknownCommandError, match="'~query' that module 'silent' uses") as caught, harness:
            pass

        assert "'~query' with 1 parameter" in caught.value.__notes__[0]
        assert ["'~query' with 1 parameter"] == [*map(str, harness.missing)]

    def test_the_checks_pass(self):
        setup = Setup(Silent, provides={("~query", 1): lambda text: [text]})

        assert [] == [str(result) for result in check_module(setup) if not result.ok]


def init_in_c(native):
    """Call the `init_f` as a C core does."""
    from ctypes import CFUNCTYPE, c_int

    return CFUNCTYPE(c_int)(native.pointer.contents.init_f)()


class TestInC:
    """A C core runs the same `init_f`, which finds the functions by the core's own look-up."""

    def test_found(self):
        from ctypes import CFUNCTYPE, c_char_p, c_int, c_void_p, cast

        from sermod.native import to_c

        answer = CFUNCTYPE(c_int, c_void_p, c_char_p, c_char_p)(lambda msg, param1, param2: len(param1))
        asked = []

        def find_export(name, param_no, flags):
            asked.append((name, param_no, flags))
            return cast(answer, c_void_p).value

        users = Users()
        with to_c(users.exports, find_export=find_export) as native:
            assert 0 == init_in_c(native)
            assert [(b"~query", 2, 0), (b"store", 1, 1)] == asked
            assert 3 == users.query(0, "abc", None)

    def test_missing(self):
        from sermod.native import to_c

        with to_c(Silent().exports, find_export=lambda name, param_no, flags: None) as native:
            assert 0 > init_in_c(native)
            (error,) = native.errors

        assert "the core finds no command '~query' with 1 parameter" in str(error)

    def test_without_its_look_up(self):
        from sermod.native import to_c

        with to_c(Silent().exports) as native:
            assert 0 > init_in_c(native)
            (error,) = native.errors

        assert "give to_c() the find_export= of its core" in str(error)


class TestExports:
    """The `init_f` is one like any other."""

    def test_no_rule_is_broken(self):
        assert () == find_problems(Users().exports)

    def test_equal_for_one_instance_alone(self):
        users = Users()
        init_f = users.exports.init_f
        again = copy.copy(users).exports.init_f

        assert init_f == users.exports.init_f
        assert init_f != again
        assert init_f != "another thing"
        assert hash(init_f) == hash(users.exports.init_f)

    def test_described(self):
        text = describe(Users().exports)

        assert "Knows who may call." in text
        assert "    init_f: mod_init\n        Look for the rows." in text
        assert "Uses\n\n    ~query, with 2 parameters\n    store, with 1 parameter, for REQUEST_ROUTE" in text

    def test_described_without_a_hook_of_its_own(self):
        assert "Hooks" not in describe(Silent().exports)


class TestMistakes:
    """A wrong declaration is an error of its line, or when the class is made."""

    @pytest.mark.parametrize("name", ["", 5, None, "a\0b"])
    def test_no_name(self, name):
        with pytest.raises(TypeError, match=r"uses\(\) takes the name of a command, a non-empty str"):
            uses(name, 1)

    @pytest.mark.parametrize(("param_no", "flags"), [("1", 0), (True, 0), (1, "1"), (1, -1), (1, True), (None, 0)])
    def test_no_number(self, param_no, flags):
        with pytest.raises(TypeError, match=r"uses\('f', param_no, flags=0\) takes the number of parameters"):
            uses("f", param_no, flags)

    def test_a_reserved_name(self):
        with pytest.raises(TypeError, match=r"Foobar\.exports: the name is reserved in every module, so a function"):
            type("Foobar", (Module,), {"name": "foobar", "exports": uses("f", 1)})


class TestRequireFunction:
    """It returns the callable, or says what there is."""

    def look_up(self, *asked):
        """Return what a module gets that looks it up in its `init_f`."""
        found = []
        core = Registry()
        core.register(Database().exports)
        core.register(make_exports("asking", init_f=lambda: found.append(require_function(*asked))))
        Lifecycle(core).init()
        return found[0]

    def test_found(self):
        assert ["row of a"] == self.look_up("~query", 1)("a")
        assert 1 == self.look_up("store", 1, REQUEST_ROUTE)(None, "a")

    @pytest.mark.parametrize(
        ("asked", "error", "text"),
        [
            (("~qery", 1), UnknownCommandError, "did you mean '~query'"),
            (("~query", 5), ParamCountError, r"takes 1 or 2 parameters \(got 5\)"),
            (("store", 1, REPLY_ROUTE), RouteError, "cannot be used in REPLY_ROUTE"),
        ],
    )
    def test_not_found(self, asked, error, text):
        with pytest.raises(ModuleInitError, match=text) as caught:
            self.look_up(*asked)

        assert isinstance(caught.value.__cause__, error)

    def test_outside_of_a_hook(self):
        with pytest.raises(LifecycleError, match=r"require_function\('f', 1\) was called outside of hooks and fixups"):
            require_function("f", 1)

    def test_in_a_fixup(self):
        def fixup(param, number):
            return require_function(param, 1)

        core = Registry()
        core.register(Database().exports)
        core.register(make_exports("m", CmdExport("f", lambda msg, a: 1, 1, fixup, REQUEST_ROUTE)))
        action = core.bind("f", "~query", route=REQUEST_ROUTE)
        Lifecycle(core).init()

        assert ["row of x"] == action.fixed[0]("x")

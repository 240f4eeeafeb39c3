"""A server is driven at random, and does at every step what a straightforward model of it does."""

from __future__ import annotations

import contextlib

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from making import Journal, make_exports

from sermod import (
    INT_PARAM,
    REQUEST_ROUTE,
    Cell,
    ChildInitError,
    CmdExport,
    CommandResultError,
    ConfigurationErrors,
    FixupError,
    Lifecycle,
    LifecycleError,
    ModuleInitError,
    ParamExport,
    Registry,
)

FAILURE = OSError("broken")

results = st.sampled_from([1, 1, -1, 0, None])
init_results = st.sampled_from([*[0] * 12, None, -1, 1, "raises"])
child_results = st.sampled_from([0, 0, None, 1, -1, "raises"])
fixups = st.sampled_from([*["fixed"] * 18, None, "raises"])
destroys = st.sampled_from([None, None, "raises"])
functions = st.fixed_dictionaries(
    {"cmd": results, "fixup": fixups},
    optional={
        "init_f": init_results,
        "init_child_f": child_results,
        "response_f": results,
        "destroy_f": destroys,
        "onbreak_f": st.none(),
    },
)


class Server(RuleBasedStateMachine):
    """A lifecycle and its model: what each function is to do is known, and so is what must be called when."""

    def __init__(self):
        super().__init__()
        self.journal = Journal()
        self.core = Registry()
        self.life = None
        self.actions = []
        # The model: its modules by name, its calls by the modules', what is set, where it stands, what must be called.
        self.modules = {}
        self.calls = []
        self.values = {}
        self.state = "configuring"
        self.ranks = []
        self.expected = []

    def function(self, module, name, result):
        raises = FAILURE if result == "raises" else None
        return self.journal.hook(f"{module}.{name}", returns=result, raises=raises)

    def must_call(self, module, name, *arguments):
        """Write into the model that a function is called, if the module has it; return what it does."""
        if name not in self.modules[module]:
            return None
        entry = f"{module}.{name}"
        self.expected.append((entry, *arguments) if arguments else entry)
        return self.modules[module][name]

    @contextlib.contextmanager
    def refused_unless(self, state, *, allowed=True):
        """Expect that the call in the block is out of order, where the model has another state or does not allow it."""
        if self.state == state and allowed:
            yield
            return
        try:
            yield
        except LifecycleError as error:
            assert self.state == error.state  # noqa: PT017 - it is one of two things to expect
        else:
            raise AssertionError(f"allowed in state {self.state}")

    # Configuration

    @initialize(plans=st.lists(functions, max_size=5), data=st.data())
    def configure(self, plans, data):
        for plan in plans:
            self.register(plan)
        for name in data.draw(st.lists(st.sampled_from(sorted(self.modules)), max_size=5)) if plans else []:
            self.bind(name)
        self.life = Lifecycle(self.core)

    @rule(plan=functions)
    def register_one_more(self, plan):
        self.register(plan)

    def register(self, plan):
        name = f"m{len(self.modules)}"
        cell = Cell(0)
        command = CmdExport(
            name, self.function(name, "cmd", plan["cmd"]), 1, self.function(name, "fixup", plan["fixup"]), REQUEST_ROUTE
        )
        hooks = {field: self.function(name, field, plan[field]) for field in plan if field.endswith("_f")}
        with self.refused_unless("configuring"):
            self.core.register(make_exports(name, command, ParamExport("p", INT_PARAM, cell), **hooks))
        if self.state == "configuring":
            self.modules[name] = plan
            self.values[name] = 0

    @precondition(lambda self: self.modules)
    @rule(data=st.data(), value=st.integers(-9, 9))
    def set_param(self, data, value):
        name = data.draw(st.sampled_from(sorted(self.modules)))
        with self.refused_unless("configuring"):
            self.core.set_param(name, "p", value)
        if self.state == "configuring":
            self.values[name] = value

    @precondition(lambda self: self.modules)
    @rule(data=st.data())
    def bind_one_more(self, data):
        self.bind(data.draw(st.sampled_from(sorted(self.modules))))

    def bind(self, name):
        with self.refused_unless("configuring"):
            self.actions.append(self.core.bind(name, str(len(self.calls)), route=REQUEST_ROUTE))
        if self.state == "configuring":
            self.calls.append(name)

    # Life

    @rule()
    def init(self):
        if self.state != "configuring":
            with self.refused_unless("configuring"):
                self.life.init()
            return
        error = self.model_of_init()
        self.state = "failed" if error else "initialised"
        if error is None:
            self.life.init()
            return
        try:
            self.life.init()
        except error[0] as caught:
            kind, module = error
            assert kind is type(caught)  # noqa: PT017 - no other is caught here
            if kind is not ConfigurationErrors:
                assert module == caught.module  # noqa: PT017
        else:
            raise AssertionError("init() did not fail")

    def model_of_init(self):
        started = []
        error = None
        for module in self.modules:
            if self.must_call(module, "init_f") not in (0, None):
                error = ModuleInitError, module
                break
            started.append(module)
        else:
            for number, module in enumerate(self.calls):
                if self.must_call(module, "fixup", str(number), 1) in (None, "raises"):
                    error = FixupError if error is None else ConfigurationErrors, module
        if error is not None:
            for module in reversed(started):
                self.must_call(module, "destroy_f")
        return error

    @rule(rank=st.integers(-4, 4))
    def init_child(self, rank):
        failing = None
        new = rank not in self.ranks
        if self.state == "initialised" and new:
            self.ranks.append(rank)
            for module in self.modules:
                result = self.must_call(module, "init_child_f", rank)
                if result in (-1, "raises"):
                    failing = module
                    break
        with self.refused_unless("initialised", allowed=new):
            try:
                self.life.init_child(rank)
            except ChildInitError as caught:
                assert (failing, rank) == (caught.module, caught.rank)  # noqa: PT017 - it is one of two things
            else:
                assert failing is None

    @rule(data=st.data(), msg=st.integers(0, 9))
    def run_route(self, data, msg):
        numbers = data.draw(st.lists(st.sampled_from(range(len(self.calls))), max_size=4)) if self.calls else []
        expected = 1
        if self.state == "initialised":
            for number in numbers:
                expected = self.must_call(self.calls[number], "cmd", msg, "fixed")
                if not expected:
                    break
            if expected == 0:
                for module in reversed(self.modules):
                    self.must_call(module, "onbreak_f", msg)
        with self.refused_unless("initialised"):
            try:
                result = self.life.run_route([self.actions[number] for number in numbers], msg)
            except CommandResultError as caught:
                assert expected is caught.value is None  # noqa: PT017 - it is one of two things to expect
            else:
                assert expected == result

    @rule(msg=st.integers(0, 9))
    def process_reply(self, msg):
        expected = True
        if self.state == "initialised":
            for module in reversed(self.modules):
                if "response_f" in self.modules[module]:
                    result = self.must_call(module, "response_f", msg)
                    if not result:
                        expected = result
                        break
        with self.refused_unless("initialised"):
            try:
                result = self.life.process_reply(msg)
            except CommandResultError as caught:
                assert expected is caught.value is None  # noqa: PT017 - it is one of two things to expect
            else:
                assert bool(expected) is result

    @rule()
    def destroy(self):
        failing = []
        if self.state == "initialised":
            failing = [name for name in reversed(self.modules) if self.must_call(name, "destroy_f") == "raises"]
        with self.refused_unless("initialised"):
            try:
                self.life.destroy()
            except ExceptionGroup as caught:
                assert [FAILURE] * len(failing) == [*caught.exceptions]  # noqa: PT017 - it is one of two things
            else:
                assert [] == failing
        if self.state == "initialised":
            self.state = "destroyed"

    @rule()
    def second_lifecycle(self):
        try:
            Lifecycle(self.core)
        except LifecycleError:
            return
        raise AssertionError("a second lifecycle over one registry")

    # What holds at all times

    @invariant()
    def what_was_called_is_what_the_model_calls(self):
        assert self.expected == self.journal

    @invariant()
    def the_registry_holds_what_the_model_holds(self):
        assert [*self.modules] == [module.name for module in self.core]
        assert self.calls == [action.module for action in self.core.actions]
        assert self.values == {
            name: self.core.find_param(name, "p", INT_PARAM).param_pointer.load() for name in self.modules
        }

    @invariant()
    def the_state_is_the_models(self):
        if self.life is not None:
            assert self.state == self.life.state


Server.TestCase.settings = settings(max_examples=2 * settings.default.max_examples, stateful_step_count=30)
TestServer = Server.TestCase

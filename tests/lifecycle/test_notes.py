"""The note on an exception that passes out of a call or of a hook: which one it was, and of which module."""

from __future__ import annotations

import asyncio
import copy
import functools
import sys
import traceback

import attrs
import pytest
from making import make_exports
from travelling import pickled

from sermod import REQUEST_ROUTE, CmdExport, CommandResultError, Lifecycle, Registry


def run_plain(life, route, msg="msg"):
    return life.run_route(route, msg)


def run_async(life, route, msg="msg"):
    return asyncio.run(life.run_route_async(route, msg))


@pytest.fixture(params=[run_plain, run_async], ids=["plain", "async"])
def run(request):
    """Each of the two ways to run a route, with commands that are plain functions."""
    return request.param


def initialised(**functions):
    """Return a lifecycle of a module ``m``, and the first call of each of its commands; a name is a command's."""
    core = Registry()
    core.register(make_exports("m", *(CmdExport(name, call, 0, 0, REQUEST_ROUTE) for name, call in functions.items())))
    calls = [core.bind(name, route=REQUEST_ROUTE, where=f"ser.cfg:{line}") for line, name in enumerate(functions, 1)]
    life = Lifecycle(core)
    life.init()
    return life, *calls


def notes_of(life, route, run=run_plain):
    """Run a route that fails, and return the notes on its exception."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the test is about its notes
        run(life, route)
    return getattr(caught.value, "__notes__", [])


def fail(msg, *_params):
    raise ValueError(msg)


class TestCalls:
    def test_the_note_has_the_call_as_the_script_has_it(self, run):
        """With its place, and the name of the module."""
        core = Registry()
        core.register(make_exports("m", CmdExport("fail", fail, 2, 0, REQUEST_ROUTE)))
        call = core.bind("fail", 'a "word"', "b", route=REQUEST_ROUTE, where="ser.cfg:12")
        without_place = core.bind("fail", "a", "b", route=REQUEST_ROUTE)
        with Lifecycle(core) as life:
            assert [r'in fail("a \"word\"", "b") at ser.cfg:12, module ' + "'m'"] == notes_of(life, [call], run)
            assert ["""in fail("a", "b"), module 'm'"""] == notes_of(life, [without_place], run)

    def test_it_is_in_the_traceback(self, run):
        """So every host that writes one shows it."""
        life, call = initialised(fail=fail)
        with pytest.raises(ValueError, match="msg") as caught:
            run(life, [call])
        assert traceback.format_exception(caught.value)[-2:] == [
            "ValueError: msg\n",
            "in fail() at ser.cfg:1, module 'm'\n",
        ]

    def test_it_names_the_call_that_failed(self, run):
        """Not one before it, nor one behind it, although they all have the same function."""

        def act(msg, what):
            return 1 // int(what)

        core = Registry()
        core.register(make_exports("m", CmdExport("act", act, 1, 0, REQUEST_ROUTE)))
        calls = [core.bind("act", what, route=REQUEST_ROUTE) for what in "101"]
        with Lifecycle(core) as life:
            assert ["in act(\"0\"), module 'm'"] == notes_of(life, calls, run)

    def test_commands_that_one_decorator_made(self, run):
        """They share a code object, and each is named all the same."""

        def decorated(function):
            @functools.wraps(function)
            def command(msg):
                return function(msg)

            return command

        one, other = decorated(lambda msg: 1), decorated(fail)
        assert one.__code__ is other.__code__
        life, one, other = initialised(one=one, other=other)
        assert ["in other() at ser.cfg:2, module 'm'"] == notes_of(life, [one, other], run)

    @pytest.mark.parametrize("params", [(), ("a",)], ids=["no parameter", "one parameter"])
    @pytest.mark.parametrize("kind", ["method", "callable object", "partial object", "built-in function"])
    def test_every_kind_of_callable(self, run, kind, params):
        class Command:
            def act(self, msg, *params):
                raise ValueError(msg)

            __call__ = act

        functions = {
            "method": Command().act,
            "callable object": Command(),
            "partial object": functools.partial(fail),
            "built-in function": divmod if params else int,
        }
        core = Registry()
        core.register(make_exports("m", CmdExport("act", functions[kind], len(params), 0, REQUEST_ROUTE)))
        call = core.bind("act", *params, route=REQUEST_ROUTE)
        with Lifecycle(core) as life:
            assert [f"in {call}, module 'm'"] == notes_of(life, [call], run)

    def test_a_coroutine_function(self):
        """What it raises while it is awaited is noted as well."""

        async def command(msg):
            await asyncio.sleep(0)
            raise ValueError(msg)

        life, call = initialised(command=command)
        assert ["in command() at ser.cfg:1, module 'm'"] == notes_of(life, [call], run_async)

    def test_what_is_not_a_result(self, run):
        """The error of `run_route` itself has the place, too."""
        life, call = initialised(forgets=lambda msg: None)
        with pytest.raises(CommandResultError) as caught:
            run(life, [call])
        assert ["in forgets() at ser.cfg:1, module 'm'"] == caught.value.__notes__

    def test_a_route_that_fails_by_itself(self, run):
        """An iterator that raises comes behind a call that did not."""
        life, call = initialised(good=lambda msg: 1)

        class Calls:
            def __iter__(self):
                yield call
                raise ValueError

        assert [] == notes_of(life, Calls(), run)

    def test_functions_of_the_host(self):
        """The lifecycle does not see the calls that they make; those of a route that they run, it does."""
        life, call = initialised(fail=fail)
        assert [] == notes_of(life, call.run)
        assert ["in fail() at ser.cfg:1, module 'm'"] == notes_of(life, lambda msg: life.run_route([call], msg))


class TestHooks:
    def test_onbreak(self, run):
        """The module is that of the one that raised."""
        core = Registry()
        core.register(make_exports("older", onbreak_f=fail))
        core.register(make_exports("newer", onbreak_f=lambda msg: None))
        with Lifecycle(core) as life:
            assert ["in onbreak_f of module 'older'"] == notes_of(life, lambda msg: 0, run)

    def test_onbreak_that_is_a_coroutine_function(self):
        """It is noted where it is awaited, and where it is refused."""

        async def onbreak_f(msg):
            await asyncio.sleep(0)
            raise ValueError(msg)

        core = Registry()
        core.register(make_exports("m", onbreak_f=onbreak_f))
        with Lifecycle(core) as life:
            assert ["in onbreak_f of module 'm'"] == notes_of(life, lambda msg: 0, run_async)
            assert ["in onbreak_f of module 'm'"] == notes_of(life, lambda msg: 0)

    @pytest.mark.parametrize("response_f", [fail, lambda msg: None], ids=["raises", "returns None"])
    def test_response(self, response_f):
        core = Registry()
        core.register(make_exports("older", response_f=response_f))
        core.register(make_exports("newer", response_f=lambda msg: 1))
        with Lifecycle(core) as life:
            notes = notes_of(life, "reply", lambda life, reply: life.process_reply(reply))
        assert ["in response_f of module 'older'"] == notes


class TestOneNote:
    """An exception has one note, however often it is raised."""

    def test_raised_again_by_the_same_call(self, run):
        kept = ValueError("kept")

        def command(msg):
            raise kept

        life, call = initialised(command=command)
        for _ in range(3):
            assert ["in command() at ser.cfg:1, module 'm'"] == notes_of(life, [call], run)

    def test_raised_again_by_another_call(self, run):
        """The note is that of the latest: an earlier one would blame a call that has not failed now."""
        kept = ValueError("kept")
        kept.add_note("of the author's own")

        def command(msg):
            raise kept

        life, one, other = initialised(one=command, other=command)
        for call, name, line in [(one, "one", 1), (other, "other", 2), (one, "one", 1)]:
            expected = ["of the author's own", f"in {name}() at ser.cfg:{line}, module 'm'"]
            assert expected == notes_of(life, [call], run)

    @pytest.mark.parametrize("before", [0, 1, 2])
    def test_of_calls_within_calls_the_innermost_is_noted(self, before):
        """Also where its exception was raised before, by another call."""
        kept = ValueError("kept")
        logged = []

        def inner(msg):
            raise kept

        def outer(msg):
            return life.run_route([inner_call], msg)

        def raise_again(msg):
            try:
                return life.run_route([outer_call], msg)
            except ValueError as error:
                logged.append(str(error))
                raise error  # noqa: TRY201 - the traceback has this frame twice then

        life, inner_call, outer_call, again, earlier = initialised(
            inner=inner, outer=outer, again=raise_again, earlier=inner
        )
        for _ in range(before):
            assert ["in earlier() at ser.cfg:4, module 'm'"] == notes_of(life, [earlier])
        for route in ([outer_call], [again]):
            assert ["in inner() at ser.cfg:1, module 'm'"] == notes_of(life, route)

    def test_of_coroutine_functions_within_coroutine_functions(self):
        """The innermost as well."""

        async def inner(msg):
            await asyncio.sleep(0)
            raise ValueError(msg)

        async def outer(msg):
            await asyncio.sleep(0)
            return await life.run_route_async([inner_call], msg)

        life, inner_call, outer_call = initialised(inner=inner, outer=outer)
        assert ["in inner() at ser.cfg:1, module 'm'"] == notes_of(life, [outer_call], run_async)

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="Python 3.11 takes it for a call within a call")
    def test_raised_again_by_a_coroutine_function(self):
        """By another task, while the one that had it first is still there."""
        kept = ValueError("kept")
        found = []

        async def command(msg):
            await asyncio.sleep(0)
            raise kept

        life, one, other = initialised(one=command, other=command)

        async def handle(call, noted, end):
            try:
                await life.run_route_async([call], "msg")
            except ValueError as error:
                found.extend(error.__notes__)
            noted.set()
            await end.wait()

        async def take_turns():
            end = asyncio.Event()
            async with asyncio.TaskGroup() as tasks:
                for call in (one, other, one):
                    noted = asyncio.Event()
                    tasks.create_task(handle(call, noted, end))
                    await noted.wait()
                end.set()

        asyncio.run(take_turns())
        one_note, other_note = "in one() at ser.cfg:1, module 'm'", "in other() at ser.cfg:2, module 'm'"
        assert [one_note, other_note, one_note] == found

    def test_another_exception_has_its_own(self):
        """What the outer call makes of that of the inner one came out of the outer call."""

        def outer(msg):
            try:
                return life.run_route([inner_call], msg)
            except ValueError as error:
                raise OSError("gone") from error

        life, inner_call, outer_call = initialised(inner=fail, outer=outer)
        with pytest.raises(OSError, match="gone") as caught:
            life.run_route([outer_call], "msg")
        assert ["in outer() at ser.cfg:2, module 'm'"] == caught.value.__notes__
        assert ["in inner() at ser.cfg:1, module 'm'"] == caught.value.__cause__.__notes__

    @pytest.mark.parametrize("travel", [copy.deepcopy, pickled])
    def test_it_travels_as_a_plain_text(self, travel):
        """A process that gets it needs nothing of sermod to read it."""
        life, call = initialised(fail=fail)
        with pytest.raises(ValueError, match="msg") as caught:
            life.run_route([call], "msg")
        (note,) = travel(caught.value).__notes__
        assert (str, "in fail() at ser.cfg:1, module 'm'") == (type(note), note)


class RefusingError(Exception):
    """Refuses notes."""

    def add_note(self, note):
        raise RuntimeError("no notes here")


class HiddenNotesError(Exception):
    """Its notes cannot be had."""

    @property
    def __notes__(self):
        raise RuntimeError("no notes here")


class FrozenError(Exception):
    """Refuses every attribute but those that Python itself sets without asking when it is raised."""

    def __setattr__(self, name, value):
        raise attrs.exceptions.FrozenInstanceError


class TupleNotesError(Exception):
    """Its notes are there, and cannot be changed."""

    __notes__ = ("fixed",)


class SlottedError(Exception):
    """Has slots, and the dictionary that every exception has."""

    __slots__ = ("text",)


@pytest.mark.parametrize("kind", [RefusingError, HiddenNotesError, FrozenError, TupleNotesError])
def test_an_exception_that_takes_no_notes_passes_on(run, kind):
    """The same exception, with nothing on it of what has failed meanwhile."""
    error = kind()

    def command(msg):
        raise error

    life, call = initialised(command=command)
    with pytest.raises(kind) as caught:
        run(life, [call])
    assert error is caught.value
    assert error.__context__ is None
    assert "module 'm'" not in str(vars(error))


def test_an_earlier_note_that_cannot_be_replaced_stays():
    """Where the notes have become a tuple, nothing is raised in place of the exception."""
    kept = ValueError("kept")

    def command(msg):
        raise kept

    life, one, other = initialised(one=command, other=command)
    notes_of(life, [one])
    kept.__notes__ = (*kept.__notes__,)
    assert ("in one() at ser.cfg:1, module 'm'",) == notes_of(life, [other])


def test_an_exception_with_slots(run):
    def command(msg):
        raise SlottedError

    life, call = initialised(command=command)
    assert ["in command() at ser.cfg:1, module 'm'"] == notes_of(life, [call], run)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), GeneratorExit()], ids=lambda e: type(e).__name__)
def test_what_ends_a_program_has_no_note(error):
    """It came while the command ran, and is no failure of it."""

    def command(msg):
        raise error

    life, call = initialised(command=command)
    with pytest.raises(type(error)) as caught:
        life.run_route([call], "msg")
    assert error is caught.value
    assert not hasattr(error, "__notes__")


def test_a_cancellation_has_no_note():
    """The task ends because someone else said so."""

    async def command(msg):
        asyncio.current_task().cancel()
        await asyncio.Event().wait()

    life, call = initialised(command=command)
    with pytest.raises(asyncio.CancelledError) as caught:
        run_async(life, [call])
    assert not hasattr(caught.value, "__notes__")

"""Every exception survives pickling and a process boundary, whatever its attributes hold."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import subprocess
import sys
import threading

import pytest
from hostile import Unprintable
from travelling import pickled

from sermod import load
from sermod._problems import problem
from sermod.errors import (
    ChildDiedError,
    CommandResultError,
    InterfaceWarning,
    InvalidExportsError,
    LoadError,
    ModuleFileNotFoundError,
    ParamTypeError,
    ParamValueError,
    Parcel,
    SermodError,
    ShadowedCommandError,
    UnknownParamError,
)

PROBLEM = problem("cmds[0].function", "null-function", "command 'foo' has no function")

ERRORS = [
    InvalidExportsError("foobar", [PROBLEM]),
    InterfaceWarning(None, PROBLEM),
    LoadError("it is nowhere", what="foobar", origin="/srv/foobar.py"),
    ModuleFileNotFoundError("it is nowhere", what="foobar"),
    ShadowedCommandError("new", existing_module="old", command="foo", param_no=2),
    UnknownParamError("dispatcher", "dst_avp", ["flags", "dst_avps"]),
    ParamTypeError("it takes an int", module="foobar", param="foo_bar", value="5"),
    ParamValueError("it is too big", module="foobar", param="foo_bar", value=2**31),
    ChildDiedError("it ended", rank=1, pid=2, signal="SIGKILL"),
]

every_error = pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)


def result_error(value):
    return CommandResultError("it is no result", module="foobar", command="foo", value=value)


@every_error
@pytest.mark.parametrize("copied", [pickled, copy.copy, copy.deepcopy])
def test_a_copy_is_the_same_error(error, copied):
    """Class, text and attributes are equal."""
    found = copied(error)

    assert type(error) is type(found)
    assert str(error) == str(found)
    assert error.args == found.args
    assert vars(error) == vars(found)


def test_what_the_built_in_knows_survives():
    """An ``ImportError`` has its text in ``msg`` too."""
    error = LoadError("it is nowhere", what="foobar")

    assert "it is nowhere" == error.msg == pickled(error).msg


def test_notes_survive():
    error = result_error(1)
    error.add_note("and while cleaning up, destroy_f raised")

    assert ["and while cleaning up, destroy_f raised"] == pickled(error).__notes__


def test_survives_in_a_group():
    """A group of errors, as ``collect_errors()`` raises it."""
    group = pickled(ExceptionGroup("the configuration has 2 mistakes", ERRORS[2:4]))

    assert [str(error) for error in ERRORS[2:4]] == [str(error) for error in group.exceptions]


def test_an_authors_own_error_survives():
    """A subclass of an error survives with its own attributes, whatever its constructor takes."""
    error = OwnError(5)

    assert ("5 is refused", 5) == (str(pickled(error)), pickled(error).number)


class OwnError(SermodError):
    def __init__(self, number):
        super().__init__(f"{number} is refused")
        self.number = number


class Refusing:
    """An object that cannot be pickled, with an exception of its own."""

    def __reduce__(self):
        raise OSError("never")

    def __repr__(self):
        return "<Refusing>"


class Loading:
    """An object that can be pickled, but not unpickled."""

    def __reduce__(self):
        return _explode, ()

    def __repr__(self):
        return "<Loading>"


def _explode():
    raise RuntimeError("it cannot be made here")


class TestValuesThatCannotTravel:
    """A value that cannot be pickled or unpickled arrives as its ``repr``."""

    @pytest.mark.parametrize("value", [Refusing(), Loading()])
    def test_it_arrives_as_text(self, value):
        found = pickled(result_error(value))

        assert repr(value) == found.value
        assert ("foobar", "foo", "it is no result") == (found.module, found.command, str(found))

    def test_one_whose_repr_raises_as_well(self):
        class Local(Unprintable):
            pass

        found = pickled(result_error(Local()))

        assert "<a Local whose repr raised RuntimeError>" == found.value
        assert "it is no result" == str(found)

    @pytest.mark.parametrize("value", [Refusing(), Loading()])
    def test_the_receiver_may_choose_what_arrives(self, value):
        assert f"lost: {value!r}" == pickled(Parcel(value)).open("lost: {}".format)

    def test_a_value_that_can_travel_is_not_replaced(self):
        assert [1, 2] == pickled(Parcel([1, 2])).open(pytest.fail)

    def test_a_local_function_a_lock_and_a_coroutine(self):
        def local():
            pass

        async def coroutine():
            pass

        unfinished = coroutine()
        try:
            for value in (local, threading.Lock(), unfinished, lambda: 0):
                assert repr(value) == pickled(result_error(value)).value
        finally:
            unfinished.close()

    def test_the_original_keeps_its_value(self):
        value = Refusing()
        error = result_error(value)

        pickled(error)

        assert value is error.value

    def test_the_others_travel_as_they_are(self):
        """One attribute that cannot be pickled does not change the others."""
        error = result_error(Refusing())
        error.numbers = (1, 2)

        assert (1, 2) == pickled(error).numbers


RECEIVES = """
import pickle, sys
error = pickle.load(sys.stdin.buffer)
print((type(error).__name__, str(error), error.value))
"""

SENDS = """
import pickle, sys, sermod
try:
    sermod.load("./nowhere.py")
except Exception as error:
    sys.stdout.buffer.write(pickle.dumps(error))
"""

MODULE = """
from sermod import ModuleExports

class Result:
    pass

result = Result()

def init():
    return result

exports = ModuleExports("private", init_f=init)
"""


class TestProcesses:
    """Errors cross a real process boundary."""

    @pytest.fixture
    def value_of_a_module(self, tmp_path):
        """Return an object whose class is in a module that was executed under a private name."""
        (tmp_path / "private.py").write_text(MODULE, encoding="utf-8")
        return load(tmp_path / "private.py").init_f()

    def test_the_class_of_a_module_exists_in_its_own_process(self, value_of_a_module):
        assert isinstance(pickled(result_error(value_of_a_module)).value, type(value_of_a_module))

    def test_into_a_new_interpreter(self, value_of_a_module):
        """Where that class does not exist, its object arrives as text, and the error arrives all the same."""
        sent = pickle.dumps(result_error(value_of_a_module))

        found = subprocess.run(
            [sys.executable, "-c", RECEIVES], input=sent, capture_output=True, check=True, timeout=60
        )

        expected = ("CommandResultError", "it is no result", repr(value_of_a_module))
        assert repr(expected) == found.stdout.decode().strip()

    def test_out_of_a_new_interpreter(self):
        """What was raised there can be raised here."""
        found = subprocess.run([sys.executable, "-c", SENDS], capture_output=True, check=True, timeout=60)
        error = pickle.loads(found.stdout)  # noqa: S301 - sent by our own program

        with pytest.raises(ModuleFileNotFoundError, match=r"the module file '\./nowhere\.py' does not exist") as raised:
            raise error
        assert "./nowhere.py" == raised.value.what

    def test_out_of_a_forked_child(self):
        """Through the pipe of ``multiprocessing``, as a host of its own processes would send it."""
        context = multiprocessing.get_context("fork")
        here, there = context.Pipe(duplex=False)
        child = context.Process(target=there.send, args=(result_error(Refusing()),))
        child.start()
        there.close()
        try:
            assert here.poll(60), "the child has sent nothing"
            error = here.recv()
        finally:
            child.join(60)
            here.close()

        assert ("foobar", "<Refusing>") == (error.module, error.value)

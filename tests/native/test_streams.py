"""Output of C is neither lost nor printed twice when processes fork."""

import os
import subprocess
import sys

import pytest
from small_modules import small_module

WRITING = """
import ctypes, os, sys
from sermod import Lifecycle, ModuleExports, Registry, native

core = Registry()
core.load(sys.argv[1])
libc = ctypes.CDLL(None)
write = libc.printf
"""


def output_of(program, path):
    """Return the output of a program; C buffers it, because it goes to a pipe."""
    # With this variable, Python turns the buffers of C off.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        [sys.executable, "-c", WRITING + program, str(path)],
        capture_output=True,
        check=True,
        env=environment,
        text=True,
        timeout=60,
    )
    return done.stdout


@pytest.fixture
def small(tmp_path):
    return small_module().write(tmp_path / "small.so")


def test_c_buffers_it(small):
    """Without buffers, none of these tests would show anything."""
    assert "" == output_of('write(b"lost")\nos._exit(0)', small)


def test_a_fork_does_not_double_it(small):
    """A child that ends by exit() writes out its buffers, which it inherited empty."""
    program = """
write(b"before ")
if os.fork() == 0:
    write(b"child ")
    libc.exit(0)
os.wait()
write(b"after")
"""
    assert "before child after" == output_of(program, small)


def test_several_modules_and_forks(small):
    program = """
core2 = Registry()
core2.load(sys.argv[1])
for number in range(3):
    write(b"%d ", number)
    if os.fork() == 0:
        libc.exit(0)
    os.wait()
"""
    assert "0 1 2 " == output_of(program, small)


def test_a_program_that_ends_a_child_flushes(small):
    program = """
if os.fork() == 0:
    write(b"child")
    native.flush()
    os._exit(0)
os.wait()
"""
    assert "child" == output_of(program, small)


def test_the_end_of_a_child_flushes(small):
    """A child of the server flushes the buffers of C when it ends."""
    program = """
from sermod._forking import flush
if os.fork() == 0:
    write(b"child")
    flush()
    os._exit(0)
os.wait()
"""
    assert "child" == output_of(program, small)


def test_a_server_of_children(small):
    """Output of C in the main process and in each child is printed once."""
    program = """
import signal
from sermod import ChildReady, Lifecycle, ModuleExports, Prefork

def say(text):
    def hook(*rank):
        write(text, *rank)
        return 0
    return hook

core.register(ModuleExports("m", 0, 0, say(b"init\\n"), 0, say(b"destroy\\n"), 0, say(b"child %d\\n")))

def worker(rank):
    while True:
        signal.pause()

children = Prefork(Lifecycle(core), worker, 2)
children.start()
ready = 0
while ready < 2:
    ready += sum(isinstance(event, ChildReady) for event in children.poll(10))
children.stop()
"""
    lines = output_of(program, small).splitlines()

    assert ["child 1", "child 2", "destroy", "init"] == sorted(lines)
    assert ("init", "destroy") == (lines[0], lines[-1])

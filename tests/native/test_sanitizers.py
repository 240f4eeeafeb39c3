"""The C side under the address sanitizer: both hosts, and every C module."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from compiling import SANITIZE, compile_text
from needs import missing

HERE = Path(__file__).parent
TESTS = ("test_c_modules.py", "test_c_core.py")


@pytest.fixture
def sanitizing(need, monkeypatch):
    """Compile with the sanitizer, and run programs with its library."""
    cc = need("cc")
    found = subprocess.run([cc, "-print-file-name=libasan.so"], capture_output=True, text=True, check=True, timeout=60)
    library = found.stdout.strip()
    if not os.path.isabs(library):  # noqa: PTH117 - the compiler says so where it has none
        missing("the compiler's address sanitizer")
    monkeypatch.setenv(SANITIZE, "1")

    def run(*arguments):
        environment = {**os.environ, "LD_PRELOAD": library, "ASAN_OPTIONS": "detect_leaks=0", "PYTHONMALLOC": "malloc"}
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            capture_output=True,
            check=False,
            cwd=HERE.parents[1],
            env=environment,
            text=True,
            timeout=600,
        )

    return run


def test_it_finds_an_overflow(sanitizing, tmp_path):
    """A command that reads behind its memory ends the process, with a report."""
    path = compile_text(
        """
#include <sermod.h>
#include <stdlib.h>
static int fixup(void **param, int param_no)
{
	free(*param);
	*param = calloc(1, (size_t)param_no);
	return 0;
}
static int look(struct sip_msg *msg, char *param1, char *param2)
{
	(void)msg;
	return param1[1] + (param2 != 0);
}
static cmd_export_t cmds[] = {{"look", look, 1, fixup, REQUEST_ROUTE}, {0, 0, 0, 0, 0}};
struct module_exports exports = {"looking", cmds, 0, 0, 0, 0, 0, 0};
""",
        tmp_path,
        "looking",
    )
    program = """
import sys
from sermod import native
command = native.load(sys.argv[1]).commands[0]
command.function(0, command.fixup("x", int(sys.argv[2])))
"""
    good, bad = (sanitizing("-c", program, path, size) for size in (2, 1))

    assert (0, "") == (good.returncode, good.stderr)
    assert 0 != bad.returncode
    assert "AddressSanitizer: heap-buffer-overflow" in bad.stderr


@pytest.mark.slow
def test_the_tests_of_both_sides(sanitizing):
    """Every test of C modules and of the C core passes under the sanitizer."""
    done = sanitizing("-m", "pytest", "-q", "--capture=sys", "-p", "no:cacheprovider", *(HERE / name for name in TESTS))

    assert 0 == done.returncode, done.stdout[-10_000:] + done.stderr[-10_000:]
    assert "passed" in done.stdout

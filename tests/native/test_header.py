"""The C header compiles in every C and C++, and has the layout and the names of the interface."""

import subprocess
from pathlib import Path

import pytest

from sermod import native
from sermod._interface import exports, ranks
from sermod._interface.exports import ParamType

HEADER = Path(native.include_dir()) / "sermod.h"
STRICT = ("-Wall", "-Wextra", "-pedantic", "-Werror", "-Wshadow", "-Wundef", "-Wconversion")

ALL_OF_IT = """
#include <sermod.h>
#include <sermod.h>

static int command(struct sip_msg *msg, char *param1, char *param2)
{
	return msg != 0 && param1 != 0 && param2 != 0;
}
static int fixup(void **param, int param_no)
{
	return *param != 0 && param_no == 1 ? 0 : -1;
}
static int init(void)
{
	return sermod_find_export("other", 2, REQUEST_ROUTE) != 0 ? 0 : -1;
}
static int response(struct sip_msg *msg)
{
	return msg != 0;
}
static void destroy(void)
{
}
static void onbreak(struct sip_msg *msg)
{
	(void)msg;
}
static int init_child(int rank)
{
	return rank == PROC_MAIN || rank == PROC_TIMER || rank == PROC_FIFO || rank == PROC_TCP_MAIN ? 0 : rank;
}

static int number;
static char *text;

static cmd_export_t cmds[] = {
	{"command", command, 2, fixup, REQUEST_ROUTE | REPLY_ROUTE},
	{0, 0, 0, 0, 0}
};
static param_export_t params[] = {
	{"number", INT_PARAM, &number},
	{"text", STR_PARAM, &text},
	{0, STR_PARAM, 0}
};

sermod_find_export_function sermod_find_export;
struct module_exports exports = {
	"all", cmds, params, init, response, destroy, onbreak, init_child
};
"""


def compiles(compiler, source, *flags, language="c", include=None):
    """Compile a text, and return the messages of the compiler; an empty text if there are none."""
    command = [compiler, "-x", language, *flags, "-fsyntax-only", "-I", str(include or HEADER.parent), "-"]
    done = subprocess.run(command, input=source, capture_output=True, check=False, text=True, timeout=120)
    return done.stderr or ("" if done.returncode == 0 else "failed")


@pytest.mark.parametrize("standard", ["c89", "c99", "c11", "c17"])
def test_in_c(need, standard):
    assert "" == compiles(need("cc"), ALL_OF_IT, f"-std={standard}", *STRICT, "-Wstrict-prototypes")


@pytest.mark.parametrize("standard", ["c++98", "c++11", "c++17", "c++20"])
def test_in_cpp(need, standard):
    assert "" == compiles(need("c++"), ALL_OF_IT, f"-std={standard}", *STRICT, language="c++")


@pytest.mark.parametrize("standard", ["c89", "c11"])
def test_alone(need, standard):
    """It needs no other header, and defines no macro that a file must use."""
    assert "" == compiles(
        need("cc"), "#include <sermod.h>\nextern int x;\n", f"-std={standard}", *STRICT, "-Wunused-macros"
    )


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("	int param_no; ", "	long param_no; "),
        ("	int flags; ", "	long long flags[2]; "),
        ("	modparam_t type; ", "	short type; void *more; "),
        ("	void *param_pointer;", "	char param_pointer;"),
        ("	destroy_function destroy_f;", "	int version; destroy_function destroy_f;"),
        ("	child_init_function init_child_f;", "	child_init_function init_child_f, another;"),
        ("	cmd_export_t *cmds;", "	int cmds[4];"),
        ("	STR_PARAM,", "	STR_PARAM = 1,"),
        ("	INT_PARAM ", "	INT_PARAM = 7 "),
    ],
)
def test_the_layout_is_asserted(need, tmp_path, line, instead):
    """A header with another layout does not compile."""
    cc = need("cc")
    text = HEADER.read_text(encoding="utf-8")
    assert 1 == text.count(line)
    (tmp_path / "sermod.h").write_text(text.replace(line, instead), encoding="utf-8")

    assert "sermod_assert_" in compiles(cc, "#include <sermod.h>\n", "-std=gnu11", include=tmp_path)


def test_its_constants_are_those_of_python(need):
    """The header has the routes, types and ranks of Python."""
    names = {**exports.RouteFlag.__members__, **ParamType.__members__}
    names |= {name: getattr(ranks, name) for name in dir(ranks) if name.startswith("PROC_")}
    checks = [f"typedef char check_{name}[{name} == ({int(value)}) ? 1 : -1];" for name, value in names.items()]

    assert 8 == len(checks)
    assert "" == compiles(need("cc"), "\n".join(["#include <sermod.h>", *checks]), "-std=c11", "-Werror")


def test_a_wrong_exports_is_refused(need):
    """The header declares the variable, so the compiler refuses another type or a static one."""
    for wrong in ("int exports;", "static struct module_exports exports;", "cmd_export_t exports[2];"):
        assert "exports" in compiles(need("cc"), f"#include <sermod.h>\n{wrong}\n", "-std=c11")


def test_hidden_by_default(need, tmp_path):
    """The core sees the variables also with -fvisibility=hidden."""
    library = tmp_path / "hidden.so"
    command = [need("cc"), "-x", "c", "-shared", "-fPIC", "-fvisibility=hidden", "-I", str(HEADER.parent)]
    subprocess.run([*command, "-o", str(library), "-"], input=ALL_OF_IT, check=True, text=True, timeout=120)
    exports = native.load(library)

    assert "all" == exports.name
    assert ["command"] == [each.name for each in exports.commands]

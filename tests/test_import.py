"""The public names: how a face hands them on, what that loads, where they are made, and what tools see of them."""

from __future__ import annotations

import ast
import compileall
import importlib
import inspect
import json
import os
import pkgutil
import shutil
import subprocess
import sys
import typing
import zipfile
from pathlib import Path
from types import FunctionType

import attrs
import pytest
from needs import need_package
from travelling import pickled

import sermod
import sermod.hosts
import sermod.testing
from sermod._problems import problem

ROOT = Path(sermod.__file__).parent
FACES = (sermod, sermod.testing)

top = [module.name for module in pkgutil.iter_modules(sermod.__path__) if not module.name.startswith("_")]
hosts = [f"hosts.{module.name}" for module in pkgutil.iter_modules(sermod.hosts.__path__)]
PUBLIC = [sermod, *[importlib.import_module(f"sermod.{name}") for name in top + hosts]]
"""The modules that users import names from."""


def public_classes():
    """Return every class that is public in one of those modules."""
    found = set()
    for module in PUBLIC:
        names = getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]
        found |= {value for name in names if inspect.isclass(value := getattr(module, name))}
    return sorted((cls for cls in found if cls.__module__.startswith("sermod")), key=str)


def run(program, *options, path=None, cwd=None):
    """Run a program, after ``-c`` where no options are given, and return what it prints as JSON."""
    # Where coverage measures the programs that a test starts, it imports some of what these look for.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_PROCESS")}
    environment |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} | ({"PYTHONPATH": str(path)} if path else {})
    done = subprocess.run(
        [sys.executable, "-W", "error", *(options or ["-c"]), program],
        capture_output=True,
        check=False,
        cwd=cwd,
        env=environment,
        text=True,
        timeout=60,
    )
    assert (0, "") == (done.returncode, done.stderr), done.stdout
    return json.loads(next(line for line in done.stdout.splitlines() if line.startswith(("{", "["))))


class TestLaziness:
    """Nothing is loaded before it is used."""

    def test_a_look_at_the_names_loads_no_other_file_and_no_attrs(self):
        """Neither does the face of the test kit. Each name is in ``dir()`` before it is used."""
        empty = run("import sys, json; print(json.dumps([*sys.modules]))")
        loaded, hidden = run("""if True:
            import json, sys, sermod.testing
            hidden = [*{*sermod.__all__} - {*dir(sermod)}, *{*sermod.testing.__all__} - {*dir(sermod.testing)}]
            print(json.dumps([[*sys.modules], hidden]))
        """)

        assert {"sermod", "sermod.testing"} == {*loaded} - {*empty, "__future__"}
        assert [] == hidden

    def test_a_name_loads_what_it_needs(self):
        """None loads what only some hosts need, and the structures load nothing of the engine."""
        loads = run("""if True:
            import json, sys, sermod
            loads = {}
            for name in sorted(sermod.__all__, key="CmdExport".__ne__):
                before = {*sys.modules}
                getattr(sermod, name)
                loads[name] = [*{*sys.modules} - before]
            print(json.dumps(loads))
        """)

        assert "sermod._interface.exports" in loads["CmdExport"]
        assert not [name for name in loads["CmdExport"] if name.startswith(("sermod._core", "sermod._classes"))]
        assert {} == {
            name: slow for name, found in loads.items() if (slow := {"ctypes", "asyncio", "multiprocessing"} & {*found})
        }


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.__name__)
class TestFace:
    """A face hands on the names that it imports for type checkers."""

    def test_each_name_is_there_once_and_is_kept(self, face, monkeypatch):
        """Each comes from the file that the face says, under its own name; a pickle finds it again."""
        tree = ast.parse(Path(face.__file__).read_text(encoding="utf-8"))
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and "." in node.module]
        listed = {alias.asname: node.module for node in imports for alias in node.names}
        assert listed == face._homes
        assert sorted(listed) == face.__all__
        assert len(listed) == sum(len(node.names) for node in imports)

        for name, home in listed.items():
            monkeypatch.delitem(vars(face), name, raising=False)
            value = getattr(face, name)
            assert value is vars(face)[name] is vars(importlib.import_module(home))[name]
            if isinstance(value, type | FunctionType):
                assert value is pickled(value)

    def test_all_are_in_dir_and_in_a_star_import(self, face):
        namespace = {}
        exec(f"from {face.__name__} import *", namespace)  # noqa: S102 - a function has no star import

        assert {*face.__all__} == namespace.keys() - {"__builtins__"}
        assert {*face.__all__, "__all__", "__doc__"} <= {*dir(face)}

    def test_any_other_is_an_ordinary_mistake(self, face):
        """It has what Python needs to offer the nearest name in a traceback."""
        name = face.__all__[-1]
        with pytest.raises(AttributeError, match=f"module '{face.__name__}' has no attribute '{name}x'") as raised:
            getattr(face, f"{name}x")
        with pytest.raises(ImportError, match=f"cannot import name '{name}x' from '{face.__name__}'"):
            exec(f"from {face.__name__} import {name}x")  # noqa: S102 - the name is not known before

        assert (f"{name}x", face) == (raised.value.name, raised.value.obj)


LOOK = """
import importlib, json, sys, sermod, sermod.testing, sermod.errors
importlib.reload(sermod), importlib.reload(sermod.testing)
from sermod import *
from sermod import Registry as same
assert same is Registry and importlib.reload(sermod).Registry is Registry
names = {face.__name__: [name for name in face.__all__ if getattr(face, name) is not None]
         for face in (sermod, sermod.testing)}
print()
print(json.dumps([type(sermod.__loader__).__name__, sys.flags.optimize, names]))
"""


class TestForms:
    """The names are there in whatever form the package is loaded, and after a reload too."""

    @pytest.fixture
    def expected(self):
        return {face.__name__: face.__all__ for face in FACES}

    @pytest.fixture
    def copy(self, tmp_path):
        return shutil.copytree(ROOT, tmp_path / "sermod", ignore=shutil.ignore_patterns("__pycache__"))

    def test_without_docstrings(self, expected):
        assert ["SourceFileLoader", 2, expected] == run(LOOK, "-OO", "-c")

    def test_zipped(self, copy, tmp_path, expected):
        archive = shutil.make_archive(str(tmp_path / "zipped"), "zip", tmp_path, "sermod")
        assert zipfile.is_zipfile(archive)
        shutil.rmtree(copy)

        assert ["zipimporter", 0, expected] == run(LOOK, "-c", path=archive, cwd=tmp_path)

    def test_compiled_alone(self, copy, tmp_path, expected):
        assert compileall.compile_dir(copy, quiet=1, legacy=True)
        for file in copy.rglob("*.py"):
            file.unlink()

        assert ["SourcelessFileLoader", 0, expected] == run(LOOK, "-c", cwd=tmp_path)

    def test_rewritten_by_pytest(self, tmp_path, expected):
        """As every file of a package that has a plugin."""
        (tmp_path / "conftest.py").write_text("import pytest\npytest.register_assert_rewrite('sermod')\n")
        (tmp_path / "test_it.py").write_text(f"def test_it():\n    exec({LOOK!r}, {{}})\n")
        options = ["-m", "pytest", "-s", "-p", "no:cacheprovider", "--rootdir", "."]

        assert ["AssertionRewritingHook", 0, expected] == run("test_it.py", *options, cwd=tmp_path)

    def test_in_threads_at_once(self):
        """Each thread gets every name, and all get the same objects."""
        assert [1, 0] == run("""if True:
            import json, sys, threading, sermod
            sys.setswitchinterval(1e-6)
            barrier, found, failed = threading.Barrier(8), [], []
            threading.excepthook = failed.append

            def look():
                barrier.wait()
                names = {}
                exec("from sermod import *", names)
                found.append(tuple(id(names[name]) for name in sermod.__all__))

            threads = [threading.Thread(target=look) for _ in range(8)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            print(json.dumps([len({*found}), len(failed)]))
        """)


PROBLEM = problem("cmds[0].function", "null-function", "command 'foo' has no function")
ARGUMENTS = {
    "str": "text",
    "int": 1,
    "object": b"value",
    "Problem": PROBLEM,
    "Sequence[Problem]": [PROBLEM],
    "Iterable[str]": ["foo", "bar"],
    "Iterable[int]": [1, 2],
    "Iterable[tuple[str, str]]": [("foobar", "foo_bar")],
}
"""A value for each annotation that the exceptions' arguments have."""


def make(cls):
    """Make an exception, with a value for each of its arguments."""
    if issubclass(cls, ExceptionGroup):
        return cls("text", [ValueError("one")])
    if "__init__" not in {name for base in cls.__mro__ if base.__module__.startswith("sermod") for name in vars(base)}:
        return cls("text")
    parameters = inspect.signature(cls).parameters.values()
    values = {each.name: ARGUMENTS[each.annotation.removesuffix(" | None")] for each in parameters}
    positional = [values.pop(each.name) for each in parameters if each.kind is not each.KEYWORD_ONLY]
    return cls(*positional, **values)


class TestClasses:
    """A public class can be found under the name that it shows, and tools can read it."""

    def test_an_exception_shows_a_public_path_and_survives_pickling(self):
        paths = {module.__name__ for module in PUBLIC}
        exceptions = [cls for cls in public_classes() if issubclass(cls, BaseException)]

        assert {"SermodError", "InterfaceWarning", "RemoteError", "CheckFailedError"} <= {
            cls.__name__ for cls in exceptions
        }
        for cls in exceptions:
            error = make(cls)
            found = pickled(error)
            assert cls.__module__ in paths, cls
            assert cls is type(found) is getattr(importlib.import_module(cls.__module__), cls.__qualname__)
            assert (str(error), repr(error.args)) == (str(found), repr(found.args))
            assert {**vars(error)} == {name: value for name, value in vars(found).items() if name != "__notes__"}

    def test_type_hints_are_understood(self):
        for cls in public_classes():
            assert cls is getattr(importlib.import_module(cls.__module__), cls.__qualname__)
            assert cls is pickled(cls)
            typing.get_type_hints(cls)
            if attrs.has(cls):
                attrs.resolve_types(cls)
            for name, method in vars(cls).items():
                if isinstance(method, FunctionType) and (name == "__init__" or not name.startswith("_")):
                    typing.get_type_hints(method)


class TestCompletion:
    """An editor that completes by jedi, as IPython does, knows the names and their signatures."""

    def test_names_attributes_and_signatures(self, tmp_path):
        need_package("jedi")
        found = run(f"""if True:
            import json, pathlib
            import jedi
            jedi.settings.cache_directory = pathlib.Path({str(tmp_path)!r})
            completions = {{
                code: [each.name for each in jedi.Script("import sermod.testing\\n" + code).complete()]
                for code in ["sermod.", "sermod.testing.", "sermod.Registry().se",
                             "sermod.Registry().bind('foo_req', route=1).mod"]
            }}
            signatures = {{
                code: [each.to_string() for each in jedi.Script("import sermod\\n" + code).get_signatures()]
                for code in ["sermod.Registry().bind(", "sermod.serve("]
            }}
            print(json.dumps(completions | signatures))
        """)
        ((bind,), (serve,)) = found["sermod.Registry().bind("], found["sermod.serve("]

        assert {*sermod.__all__} <= {*found["sermod."]}
        assert {*sermod.testing.__all__} <= {*found["sermod.testing."]}
        assert ["set_param"] == found["sermod.Registry().se"]
        assert ["module"] == found["sermod.Registry().bind('foo_req', route=1).mod"]
        assert bind.startswith("bind(name: str, *params: str, route: int, where: str | None=None)")
        assert serve.startswith("serve(life: Lifecycle[Any], worker: ")

"""How Sphinx builds the documentation."""

import builtins
import inspect
import re
import sys
from importlib.metadata import version as installed_version

from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer

import sermod

project = "sermod"
author = "sermod contributors"
copyright = "2026, sermod contributors"
version = release = installed_version("sermod")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "examples"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False
python_maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"

# A build needs no network: no inventory is fetched to find the pages of Python's own names.
python_modules = "|".join(sorted({*sys.stdlib_module_names, "typing_extensions"}))
python_names = "|".join(dir(builtins))
nitpick_ignore_regex = [
    (r"py:\w+", rf"({python_modules})(\..+)?|{python_names}"),
    (r"py:\w+", r"sermod(\.\w+)*\.\w*T(_contra)?"),  # type variables
    (r"py:class", r"(sermod\.hosts\.gunicorn\.)?(Arbiter|Worker)"),  # what gunicorn hands its hooks
    (r"py:class", r"sermod\._interface\.lists\.ListPointer"),  # the Pointer that list_param makes
    (r"py:class", r"sermod\._interface\.exports\._Anything"),  # a value whose type is not known
    (r"py:class", r"ParamValues|Provided|IntFlag"),  # what a harness takes: the text says it
    (r"py:class", r"pytest\.\w+|Target"),  # of parametrize_with_checks(), which imports pytest when it is called
]

html_theme = "furo"
html_static_path = ["_static"]
html_title = f"sermod {version}"


def setup(app: Sphinx) -> None:
    """Let bases and docstrings pass through here before autodoc and napoleon read them."""
    app.connect("autodoc-process-bases", show_public_bases)
    app.connect("autodoc-process-docstring", describe_constant, priority=50)
    app.connect("autodoc-process-docstring", inherit_attributes, priority=50)
    app.connect("autodoc-process-docstring", mark_prose, priority=100)
    app.connect("autodoc-process-docstring", shorten_types, priority=900)
    app.add_css_file("sermod.css")


def is_private(cls: type) -> bool:
    """Tell whether a class is one of ours that has no page: what it says belongs to those that derive from it."""
    return cls.__module__.startswith("sermod.") and cls.__name__.startswith("_")


def show_public_bases(_app: Sphinx, _name: str, cls: type, _options: object, bases: list[type]) -> None:
    """Show the bases of private bases in their place."""
    bases[:] = [base for given in cls.__bases__ for base in (given.__bases__ if is_private(given) else [given])]


def describe_constant(_app: Sphinx, what: str, name: str, _obj: object, _options: object, lines: list[str]) -> None:
    """Give a constant the text below its assignment: autodoc looks for it in sermod/__init__.py, where it is not."""
    if what != "data":
        return
    constant = name.removeprefix("sermod.")
    home = ModuleAnalyzer.for_module(sermod._homes[constant])  # noqa: SLF001 - nothing else knows
    lines[:] = home.find_attr_docs()["", constant]


def inherit_attributes(_app: Sphinx, what: str, _name: str, obj: object, _options: object, lines: list[str]) -> None:
    """Give a class the attributes that its private bases describe."""
    if what not in {"class", "exception"} or not isinstance(obj, type):
        return
    for base in filter(is_private, obj.__mro__[1:]):
        _, title, attributes = (inspect.getdoc(base) or "").partition("Attributes:\n")
        while lines and not lines[-1]:
            lines.pop()
        if title and title.strip() not in lines:
            lines += ["", title.strip()]
        lines += [*attributes.splitlines(), ""]


def mark_prose(_app: Sphinx, what: str, _name: str, _obj: object, _options: object, lines: list[str]) -> None:
    """Keep napoleon from taking the words before a colon for a type: types are in annotations."""
    starts = [0] if lines and what in {"attribute", "data", "property"} else []
    starts += [at + 1 for at, line in enumerate(lines[:-1]) if line in {"Returns:", "Yields:"}]
    for at in starts:
        text = lines[at].lstrip()
        lines[at] = f"{lines[at].removesuffix(text)}: {text}"


def shorten_types(_app: Sphinx, _what: str, _name: str, _obj: object, _options: object, lines: list[str]) -> None:
    """Show the types of attributes, which napoleon has written in full, as short as those of arguments."""
    for at, line in enumerate(lines):
        if line.lstrip().startswith(":type:"):
            lines[at] = re.sub(r"(?<![\w.])(\w+\.)+(?=\w)", r"~\g<0>", line)

"""How Sphinx builds the documentation."""

import builtins
import sys
from importlib.metadata import version as installed_version

from sphinx.application import Sphinx

project = "sermod"
author = "sermod contributors"
copyright = "2026, sermod contributors"
version = release = installed_version("sermod")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "examples"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False

# A build needs no network: no inventory is fetched to find the pages of Python's own names.
python_modules = "|".join(sorted({*sys.stdlib_module_names, "typing_extensions"}))
python_names = "|".join(dir(builtins))
nitpick_ignore_regex = [
    (r"py:\w+", rf"({python_modules})(\..+)?|{python_names}"),
    (r"py:\w+", r"sermod(\.\w+)*\.\w*T"),  # type variables
]

html_theme = "furo"
html_title = f"sermod {version}"


def setup(app: Sphinx) -> None:
    """Let docstrings pass through here before napoleon reads them."""
    app.connect("autodoc-process-docstring", mark_prose, priority=100)


def mark_prose(_app: Sphinx, what: str, _name: str, _obj: object, _options: object, lines: list[str]) -> None:
    """Keep napoleon from taking the words before a colon for a type: types are in annotations."""
    starts = [0] if what in {"attribute", "data", "property"} else []
    starts += [at + 1 for at, line in enumerate(lines[:-1]) if line in {"Returns:", "Yields:"}]
    for at in starts:
        text = lines[at].lstrip()
        lines[at] = f"{lines[at].removesuffix(text)}: {text}"

"""Runs all code of README.md, of the pages in docs/, and of the docstrings in sermod/.

A pytest plugin, named in pyproject.toml. Each Markdown file is read from top to bottom as one
program, in an empty directory of its own:

- a block of `python` is executed; one that begins with `>>>`, or is of `pycon`, is compared with
  the output that it shows;
- a `{code-block}` of any language whose `:caption:` is the name of a file becomes that file, and
  is not executed;
- a block of `sh` in docs/ is run by the shell, whose `python3` and `pytest` are those of the tests;
- other blocks are left alone, and so is one that follows `% skip: next`, or `% skip: start` where
  a program is not there: `% skip: start if(lacks("cc"), reason="...")`.

The module must not import sermod: pytest loads it before coverage is measured.
"""

from __future__ import annotations

import doctest
import functools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sybil import Document, Example, Region, Sybil
from sybil.evaluators.doctest import DocTestEvaluator
from sybil.integration.pytest import SybilItem
from sybil.parsers.abstract.doctest import DocTestStringParser
from sybil.parsers.myst import CodeBlockParser, PythonCodeBlockParser, SkipParser
from sybil.parsers.myst.lexers import DirectiveLexer
from sybil.parsers.rest import DocTestParser

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from _pytest._code.code import TerminalRepr

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = ROOT / "docs"
PACKAGE = ROOT / "sermod"

# What an example prints may be long, and is wrapped on a page: how it is spaced is not compared.
ON_PAGES = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

SECONDS = 300
"""Longer than any command on a page takes; one that takes longer hangs."""

FILE_NAME = re.compile(r"[\w-]+(/[\w-]+)*\.\w+")


def captioned_files(document: Document) -> Iterable[Region]:
    """Find the blocks that show a file, captioned with its name."""
    for region in DirectiveLexer("code-block", arguments=".+")(document):
        caption = region.lexemes["options"].get("caption", "")
        if FILE_NAME.fullmatch(caption):
            yield Region(region.start, region.end, (caption, region.lexemes["source"]), write_file)


def write_file(example: Example) -> None:
    """Write the file that a captioned block shows."""
    name, source = example.parsed
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")


def code_blocks(document: Document) -> Iterable[Region]:
    """Find the blocks of `python`, except those that show a file."""
    files = {region.start for region in captioned_files(document)}
    for region in PythonCodeBlockParser(doctest_optionflags=ON_PAGES)(document):
        if region.start not in files:
            yield region


def consoles(document: Document) -> Iterable[Region]:
    """Find the examples in blocks of `pycon`."""
    examples_in = DocTestStringParser(DocTestEvaluator(ON_PAGES))
    for block in CodeBlockParser("pycon", evaluator=lambda _: None)(document):
        for region in examples_in(block.parsed, document.path):
            region.adjust(block, block.parsed)
            yield region


def commands(document: Document) -> Iterable[Region]:
    """Find the blocks of `sh`, which in README.md are for the reader's machine alone."""
    if Path(document.path).is_relative_to(PAGES):
        yield from CodeBlockParser("sh", evaluator=run_commands)(document)


def run_commands(example: Example) -> None:
    """Run the commands of a block of `sh`, until one fails."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    command = ["/bin/sh", "-e", "-c", example.parsed]
    done = subprocess.run(
        command,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode != 0:
        pytest.fail(f"exit status {done.returncode} of\n{example.parsed}\n{done.stdout}", pytrace=False)


def lacks(program: str) -> bool:
    """Tell whether a program is missing, so that what needs it is skipped: nothing is in CI (see needs.py)."""
    return shutil.which(program) is None and not os.environ.get("SERMOD_CI")


def as_main(namespace: dict[str, object]) -> None:
    """Give the code of a document the name that it has for a reader who runs it, and the pages their condition."""
    namespace |= {"__name__": "__main__", "lacks": lacks}


Collect = Callable[[Path, pytest.Collector], pytest.Collector | None]

collect_markdown: Collect = Sybil(
    parsers=[SkipParser(), captioned_files, code_blocks, consoles, commands],
    path=str(ROOT),
    pattern="*.md",
    setup=as_main,
    fixtures=["empty_directory"],
).pytest()

collect_docstrings: Collect = Sybil(
    parsers=[DocTestParser(doctest.ELLIPSIS)],
    path=str(PACKAGE),
    pattern="*.py",
    fixtures=["empty_directory"],
).pytest()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the examples of a page, of the README or of a file of the package."""
    if file_path.suffix == ".md" and (file_path == README or file_path.is_relative_to(PAGES)):
        return collect_markdown(file_path, parent)
    return collect_docstrings(file_path, parent)


def pytest_itemcollected(item: pytest.Item) -> None:
    """See to it that every failure of an example can be reported."""
    if isinstance(item, SybilItem):
        item.repr_failure = functools.partial(report, item.repr_failure)  # type: ignore[method-assign]


def report(
    usual: Callable[..., str | TerminalRepr], excinfo: pytest.ExceptionInfo[BaseException]
) -> str | TerminalRepr:
    """Report a failure, also one that pytest finds after the example, such as an unclosed file.

    Sybil looks for the example's own frame, and such a failure has none.
    """
    try:
        return usual(excinfo)
    except IndexError:
        return excinfo.getrepr(style="native")


@pytest.fixture(scope="module")
def empty_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run the examples of one document in a directory of their own."""
    before = Path.cwd()
    directory = tmp_path_factory.mktemp("document")
    os.chdir(directory)
    yield directory
    os.chdir(before)

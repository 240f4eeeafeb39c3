"""The table of docs/spec.md says of each statement of the specification which tests show it, and is true."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "spec.md"
FILES = sorted(HERE.glob("test_section_*.py"))
SECTIONS = ["1", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7", "1.8"]

CELL = re.compile(r"(?<!\\)\|")
"""What separates two cells: a bar that is not escaped."""


def plain(text):
    """Return a statement without what marks it up, on the page or in a docstring."""
    return " ".join(re.sub(r"[`*\\]", "", text).split())


def rows():
    """Return the rows of the tables: section, statement, what sermod does about it, names of tests."""
    found = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if re.match(r"\| 1", line):
            section, statement, status, tests = (cell.strip() for cell in CELL.split(line)[1:-1])
            found.append((plain(section), plain(statement), status, re.findall(r"`(test_\w+)`", tests)))
    return found


def spec_tests(file):
    """Yield each test of a file: its name, the section in its docstring's first line, the statements quoted in it."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            lines = (ast.get_docstring(node) or "").splitlines() or [""]
            quotes = "\n".join(line[2:] if line.startswith("> ") else "" for line in lines[1:])
            statements = [plain(quote) for quote in re.split(r"\n{2,}", quotes) if quote.strip()]
            yield node.name, lines[0], statements


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_test_names_its_section_and_quotes_it(file):
    """The section is that of the file; what stands before the first section is in the file of the first."""
    number = ".".join(re.findall(r"\d+", file.stem))
    for name, first, statements in spec_tests(file):
        match = re.fullmatch(r"Section ([\d.]+\d|1)(, `\w+`)?\.", first)
        assert match, name
        assert match[1] in ({"1", "1.1"} if number == "1.1" else {number}), name
        assert statements, name


def test_the_table_and_the_tests_agree():
    """Every row's tests are there and quote its statement, and every test is in the row of each of its statements."""
    in_table = {(section, statement, test) for section, statement, _, tests in rows() for test in tests}
    in_files = {
        (plain(first.removeprefix("Section ").removesuffix(".")), statement, name)
        for file in FILES
        for name, first, statements in spec_tests(file)
        for statement in statements
    }

    assert in_table == in_files


def test_every_statement_stands_once_and_has_a_test():
    statements = [(section, statement) for section, statement, _, _ in rows()]

    assert len({*statements}) == len(statements)
    assert [] == [statement for _, statement, _, tests in rows() if not tests]


def test_every_section_is_there_and_in_order():
    sections = [section.partition(",")[0] for section, *_ in rows()]

    assert SECTIONS == sorted({*sections})
    assert sections == sorted(sections)


def test_what_sermod_does_about_a_statement_is_explained():
    """Each word of that column is explained above the table."""
    explained = re.findall(r"^- \*\*(\w+)\*\*", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert {*explained} == {status for _, _, status, _ in rows()}

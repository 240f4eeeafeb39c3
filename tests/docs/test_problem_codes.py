"""The page of problem codes has, for each code, what a reader comes for.

That the examples do what they show is tested where all code of the pages is run.
"""

import re
from pathlib import Path

import pytest

from sermod._problems import RULES

PAGE = Path(__file__).parents[2] / "docs" / "problems.md"

IN_C_ALONE = {"bad-address"}
"""Codes that no module in Python can have: the page leads to an example in C."""

CODES = [code for code in RULES if code not in IN_C_ALONE]


def sections() -> dict[str, str]:
    """Return the text below each heading that is a code, in the order of the page."""
    _, *parts = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    texts = dict(part.split("\n", 1) for part in parts)
    return {heading.strip("`"): text for heading, text in texts.items() if heading.startswith("`")}


def example(code: str, label: str) -> str:
    """Return the one block of Python below a label in the section of a code, its output unwrapped."""
    section = sections()[code]
    label_at = section.index(f"**{label}:**")
    _, block, _ = re.split(r"^```.*\n", section[label_at:], maxsplit=2, flags=re.MULTILINE)
    return " ".join(block.split())


def test_each_code_has_its_section():
    """The sections are the codes of validation, all of them and no others, in its order."""
    assert list(RULES) == list(sections())


def test_the_table_lists_each_code_with_its_severity():
    rows = re.findall(r"^\| \[`([\w-]+)`\]\(#([\w-]+)\) \| (\w+) \| .+ \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert [(code, code, str(rule.severity)) for code, rule in RULES.items()] == rows


@pytest.mark.parametrize("code", RULES)
def test_a_section_begins_with_a_paragraph(code):
    assert re.match(r"\n[A-Z`]", sections()[code])


@pytest.mark.parametrize("code", CODES)
def test_the_wrong_example_shows_the_code_and_its_remedy(code):
    """The wrong example prints a problem of this code and of no other."""
    shown = example(code, "Wrong")
    assert {code} == set(re.findall(r"\[([a-z-]+-[a-z-]+)\]", shown))
    assert f"{RULES[code].severity}: " in shown
    assert RULES[code].remedy in shown


@pytest.mark.parametrize("code", CODES)
def test_nothing_is_found_in_the_right_example(code):
    assert ">>> find_problems(right) ()" in example(code, "Right")


@pytest.mark.parametrize("code", sorted(IN_C_ALONE))
def test_a_code_without_examples_says_why(code):
    assert "This code is for such modules alone" in " ".join(sections()[code].split())
    assert ">>>" not in sections()[code]
    page, _, heading = re.search(r"\]\(([\w-]+\.md)(#)([\w-]+)\)", sections()[code]).groups()
    _, _, shown = (
        (PAGE.parent / page).read_text(encoding="utf-8").partition(f"\n## {heading.replace('-', ' ').capitalize()}\n")
    )
    assert f"[{code}]" in shown

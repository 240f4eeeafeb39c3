"""The tutorials lead from nothing to a finished module in few lines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
MOST = 80


def code_of(page):
    """Return the lines of code of a page, up to where it goes into detail."""
    tutorial, detail, _ = (DOCS / page).read_text(encoding="utf-8").partition("## In detail")
    assert detail
    blocks = re.findall(r"^```(?:\{code-block\} )?python\n(.*?)^```", tutorial, flags=re.DOTALL | re.MULTILINE)
    return [
        line for block in blocks for line in block.splitlines() if line.strip() and not line.startswith(":caption:")
    ]


@pytest.mark.parametrize("page", ["write-a-module.md", "test-a-module.md"])
def test_a_tutorial_is_short(page):
    """Every line of it runs, as the code of all pages does."""
    lines = code_of(page)

    assert any(line.startswith("class ") for line in lines)
    assert len(lines) < MOST

"""The reference has every public name."""

import re
from collections import Counter
from pathlib import Path

import sermod

PAGE = Path(__file__).parents[2] / "docs" / "reference.md"


def test_every_public_name_is_in_the_reference_once():
    text = PAGE.read_text(encoding="utf-8")
    documented = re.findall(
        r"^\.\. auto(?:class|data|exception|function):: sermod\.(\w+)(?:\(\))?$", text, re.MULTILINE
    )
    assert Counter(sermod.__all__) == Counter(documented)

"""The page of problem codes has, for each code, what a reader comes for; and there is no other code.

The codes are read in the source: whatever makes a problem, anywhere in sermod, names its code. That the examples do
what they show is tested where all code of the pages is run.
"""

import ast
import re
from pathlib import Path

import pytest

from sermod._problems import RULES

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "problems.md"

IN_C_ALONE = {"bad-address"}
"""Codes that no module in Python can have: the page leads to an example in C."""

BEFORE_A_FORK = {"thread-before-fork"}
"""Codes that only a host that forks can find: the examples have one."""

CODES = [code for code in RULES if code not in IN_C_ALONE]


# What the source can raise --------------------------------------------------------------------------------------------


def name_of(function):
    """Return the last part of the name of what is called."""
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", None)


def functions_in(tree):
    """Yield each function with the names of its parameters, ``self`` left out, and the calls in its own body."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            parameters = [each.arg for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
            yield node.name, [each for each in parameters if each not in {"self", "cls"}], calls_in(node)


def calls_in(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def code_given(call, position, keyword):
    """Return the argument of a call that is the code."""
    named = [each.value for each in call.keywords if each.arg == keyword]
    return named[0] if named else call.args[position]


def makers_in(trees):
    """Return the functions that make a problem of a code that they are given, and which argument that is.

    ``Problem`` is one. So is each function that hands a parameter of its own to one, as the code.
    """
    makers = {"Problem": (1, "code")}
    while True:
        found = {
            name: (parameters.index(code.id), code.id)
            for tree in trees
            for name, parameters, calls in functions_in(tree)
            for call in calls
            if name_of(call.func) in makers
            and isinstance(code := code_given(call, *makers[name_of(call.func)]), ast.Name)
            and code.id in parameters
        }
        if found.keys() <= makers.keys():
            return makers
        makers |= found


def codes_in(*sources):
    """Return every code with which a problem is made, and the source of each that is not written out."""
    trees = [ast.parse(source) for source in sources]
    makers = makers_in(trees)
    handed_on = {
        id(call)
        for tree in trees
        for name, parameters, calls in functions_in(tree)
        if name in makers
        for call in calls
        if name_of(call.func) in makers
        and getattr(code_given(call, *makers[name_of(call.func)]), "id", None) in parameters
    }
    given = [
        code_given(call, *makers[name_of(call.func)])
        for tree in trees
        for call in calls_in(tree)
        if name_of(call.func) in makers and id(call) not in handed_on
    ]
    written = {code.value for code in given if isinstance(code, ast.Constant)}
    return written, [ast.unparse(code) for code in given if not isinstance(code, ast.Constant)]


class TestReading:
    """What is read in the source is what is written."""

    MAKES = "def make(field, code, wrong):\n    return Problem(field, code, 'error', wrong)\n"
    HANDS_ON = "class Reader:\n    def note(self, code, *, field):\n        self.found.append(make(field, code, ''))\n"

    def test_a_problem_is_made_directly(self):
        source = "Problem('cmds', 'one-code', 'error', '')\nProblem(field='x', code='other-code', severity='error')"

        assert ({"one-code", "other-code"}, []) == codes_in(source)

    def test_a_function_makes_it(self):
        assert ({"one-code"}, []) == codes_in(self.MAKES, "make('cmds', 'one-code', 'it is wrong')")

    def test_a_method_hands_the_code_on(self):
        uses = "self.note('one-code', field='cmds')\nself.note(field='cmds', code='other-code')"

        assert ({"one-code", "other-code"}, []) == codes_in(uses, self.HANDS_ON, self.MAKES)

    def test_a_code_that_cannot_be_read(self):
        """It is not passed over: the test below fails with its source."""
        assert (set(), ["CODES[0]"]) == codes_in(self.MAKES, "make('cmds', CODES[0], '')")


# The page -------------------------------------------------------------------------------------------------------------


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


def test_every_code_that_can_be_raised_has_a_rule_and_every_rule_is_raised():
    raised, unread = codes_in(*(file.read_text(encoding="utf-8") for file in (ROOT / "sermod").rglob("*.py")))

    assert [] == unread
    assert {*RULES} == raised


def test_each_code_has_its_section():
    """The sections are the codes of the rules, all of them and no others, in their order."""
    assert list(RULES) == list(sections())


def test_the_table_lists_each_code_with_its_severity():
    rows = re.findall(r"^\| \[`([\w-]+)`\]\(#([\w-]+)\) \| (\w+) \| .+ \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert [(code, code, str(rule.severity)) for code, rule in RULES.items()] == rows


def test_other_pages_know_no_other_code():
    """A code on another page stands at the end of a message, or leads to its section."""
    pages = [page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md")]
    pattern = re.compile(r"\[([a-z]+(?:-[a-z]+)+)\]$|problems\.md#([\w-]+)", re.MULTILINE)
    shown = {shown or linked for page in pages for shown, linked in pattern.findall(page)}

    assert shown <= {*RULES}


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


@pytest.mark.parametrize("code", [code for code in CODES if code not in BEFORE_A_FORK])
def test_nothing_is_found_in_the_right_example(code):
    assert ">>> find_problems(right) ()" in example(code, "Right")


@pytest.mark.parametrize("code", sorted(BEFORE_A_FORK))
def test_the_right_example_forks_where_the_wrong_one_does_not(code):
    """In both of them the warning would be an error; only the right one shows children."""
    wrong, right = example(code, "Wrong"), example(code, "Right")
    assert 'warnings.simplefilter("error", InterfaceWarning)' in wrong
    assert "sermod.errors.InterfaceWarning: " in wrong
    assert 'warnings.simplefilter("error", InterfaceWarning)' in right
    assert right.endswith("print(sorted(server.children)) [1, 2]")


@pytest.mark.parametrize("code", sorted(IN_C_ALONE))
def test_a_code_without_examples_says_why(code):
    assert "Only compiled modules can have this code" in " ".join(sections()[code].split())
    assert ">>>" not in sections()[code]
    page, _, heading = re.search(r"\]\(([\w-]+\.md)(#)([\w-]+)\)", sections()[code]).groups()
    _, _, shown = (
        (PAGE.parent / page).read_text(encoding="utf-8").partition(f"\n## {heading.replace('-', ' ').capitalize()}\n")
    )
    assert f"[{code}]" in shown

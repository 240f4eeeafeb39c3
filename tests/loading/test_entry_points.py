"""Loading by an entry point of an installed distribution."""

from __future__ import annotations

import sys

import pytest
from sources import write, write_distribution, write_lines

from sermod import (
    AlreadyLoadedError,
    LoadError,
    ModuleFileNotFoundError,
    NoExportsError,
    Registry,
    load,
)


class TestOffered:
    """A distribution offers a module under a name of its choice."""

    def test_a_module(self, site):
        file = write(site / "offered" / "inside.py")
        write_lines(site / "offered" / "__init__.py")
        write_distribution(site, foobar="offered.inside")

        module = Registry().load("foobar")

        assert ("inside", str(file)) == (module.name, module.origin)
        assert module.exports is sys.modules["offered.inside"].exports

    def test_exports_in_a_module(self, site):
        file = write_lines(
            site / "offered.py", "from sermod import ModuleExports", "mine = ModuleExports('mine')", "exports = 5"
        )
        write_distribution(site, foobar="offered:mine")

        module = Registry().load("foobar")

        assert ("mine", f"{file}:mine") == (module.name, module.origin)

    def test_an_object_that_has_exports(self, site):
        """Such as an instance of a class, or a namespace."""
        lines = ["class Outer:", "    class Inner:", "        exports = ModuleExports('inner')"]
        write(site / "offered.py", *lines)
        write_distribution(site, foobar="offered:Outer.Inner")

        assert "inner" == load("foobar").name

    @pytest.mark.parametrize("value", ["offered:mine [extra]", "offered : mine", "offered:mine[a,b]"])
    def test_extras_and_spaces(self, site, value):
        write(site / "offered.py", "mine = ModuleExports('mine')")
        write_distribution(site, foobar=value)

        assert "mine" == load("foobar").name

    def test_the_same_offered_twice(self, site):
        """Two distributions that name the same object are not ambiguous."""
        write(site / "offered.py")
        write_distribution(site, foobar="offered")
        write_distribution(site, foobar="offered")

        assert "offered" == load("foobar").name

    def test_two_in_one_module_are_two_modules(self, site):
        write(site / "offered.py", "one, two = ModuleExports('one'), ModuleExports('two')")
        write_distribution(site, first="offered:one", second="offered:two")
        core = Registry()

        assert ["one", "two"] == [core.load("first").name, core.load("second").name]

    def test_one_that_is_loaded_already(self, site):
        file = write(site / "offered.py")
        write_distribution(site, foobar="offered")
        core = Registry()
        core.load(file)

        with pytest.raises(AlreadyLoadedError):
            core.load("foobar")

    def test_entry_points_of_other_groups_are_none_of_ours(self, site):
        write(site / "offered.py")
        write_distribution(site, foobar="offered")
        points = next(site.glob("*.dist-info")) / "entry_points.txt"
        points.write_text(points.read_text().replace("sermod.modules", "console_scripts"), encoding="utf-8")

        with pytest.raises(ModuleFileNotFoundError):
            load("foobar")


class TestAmbiguous:
    """A name that two distributions offer for different things is an error."""

    def test_message(self, site):
        write(site / "one.py")
        write(site / "two.py")
        write_distribution(site, foobar="two:exports")
        write_distribution(site, foobar="one")

        with pytest.raises(
            LoadError, match=r"^several entry points .* are named 'foobar': one, two:exports;"
        ) as raised:
            load("foobar")

        assert "foobar" == raised.value.what
        assert "give the dotted name of one of them" in str(raised.value)
        assert "one" not in sys.modules


class TestBroken:
    """An error for a broken entry point says its name and what it names."""

    @pytest.mark.parametrize(
        "value",
        ["not_there_at_all", "offered.not_there", "not_there.at_all:x", "no module!", ".offered", "", ":exports"],
    )
    def test_no_such_module(self, site, value):
        write_lines(site / "offered" / "__init__.py")
        write_distribution(site, foobar=value)

        with pytest.raises(
            ModuleFileNotFoundError, match=r"the entry point 'foobar' of 'sermod\.modules' names"
        ) as raised:
            load("foobar")

        assert ("foobar", value) == (raised.value.what, raised.value.origin)

    @pytest.mark.parametrize("attribute", ["nowhere", "nowhere.deeper", "number"])
    def test_no_such_object(self, site, attribute):
        file = write(site / "offered.py", "number = 5")
        write_distribution(site, foobar=f"offered:{attribute}")

        with pytest.raises(NoExportsError) as raised:
            load("foobar")

        assert ("foobar", f"{file}:{attribute}") == (raised.value.what, raised.value.origin)

    @pytest.mark.parametrize("value", ["broken", "broken.inside", "broken:exports"])
    def test_one_that_raises(self, site, value):
        write_lines(site / "broken" / "__init__.py", "raise RuntimeError('no database')")
        write_distribution(site, foobar=value)

        with pytest.raises(LoadError, match=r"'foobar' cannot be loaded: RuntimeError while .* no database") as raised:
            load("foobar")

        assert "foobar" == raised.value.what
        assert isinstance(raised.value.__cause__, RuntimeError)

    @pytest.mark.parametrize(
        "value", ["offered.not_there", "offered.broken", "offered.exits", "offered.inside:nothing"]
    )
    def test_nothing_of_it_is_left(self, site, loaded, value):
        """The packages above it are imported on the search, and forgotten again."""
        write_lines(site / "offered" / "__init__.py")
        write_lines(site / "offered" / "broken.py", "import offered.inside", "raise RuntimeError")
        write_lines(site / "offered" / "exits.py", "raise SystemExit(3)")
        write_lines(site / "offered" / "inside.py")
        write_distribution(site, foobar=value)
        before = loaded()

        with pytest.raises(LoadError):
            load("foobar")

        assert before == loaded()

    def test_what_ends_the_program_ends_it(self, site):
        write_lines(site / "offered" / "__init__.py", "raise KeyboardInterrupt")
        write_distribution(site, foobar="offered.inside")

        with pytest.raises(KeyboardInterrupt):
            load("foobar")
        assert "offered" not in sys.modules

"""A compiled module is opened, or a sentence says why not. The files are written byte by byte, without a compiler."""

import ctypes
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from shared_objects import ABSOLUTE, FUNCTION, WEAK, SharedObjectFile, Variable, own_header
from small_modules import CMDS, EXPORTS, LOOKUP, NUMBER, SIZE, small_module

import sermod
from sermod import (
    INT_PARAM,
    AlreadyLoadedError,
    InvalidExportsError,
    LoadError,
    ModuleFileNotFoundError,
    NoExportsError,
    Registry,
    native,
)
from sermod.native import elf, library


@pytest.fixture
def small(tmp_path):
    return small_module().write(tmp_path / "small.so")


def refusal(path, kind=LoadError, **arguments):
    with pytest.raises(kind) as refused:
        native.load(path, **arguments)
    assert refused.type is kind
    return str(refused.value)


class TestLoad:
    def test_by_a_relative_path(self, small, monkeypatch):
        monkeypatch.chdir(small.parent)

        assert "small" == native.load("small.so").name

    def test_what_it_exports(self, small):
        exports = native.load(small)

        assert [("first", 2), ("second", 1)] == [(each.name, each.param_no) for each in exports.commands]
        assert 5 == exports.commands[0].function(-5)
        assert [7, "a default"] == [each.param_pointer.load() for each in exports.parameters]
        assert 0 == exports.init_f()

    def test_by_a_registry(self, small):
        """By path and by name; afterwards it is a module like any other."""
        core = Registry(path=[small.parent])
        module = core.load("small")
        core.set_param("small", "number", 8)

        assert ("small", str(small)) == (module.name, module.origin)
        assert 8 == core.find_param("small", "number", INT_PARAM).param_pointer.load()
        with pytest.raises(AlreadyLoadedError):
            core.load(small)

    def test_by_the_loader(self, small):
        assert "small" == sermod.load(small).name

    def test_a_python_module_may_hand_it_on(self, small, tmp_path):
        (tmp_path / "python.py").write_text(f"from sermod import native\nexports = native.load({str(small)!r})\n")

        assert "small" == Registry(path=[tmp_path]).load("python").name

    def test_the_loaders_error_names_what_was_asked_for(self, tmp_path):
        (tmp_path / "broken.so").write_bytes(b"nothing")

        with pytest.raises(LoadError) as refused:
            Registry(path=[tmp_path]).load("broken")
        assert ("broken", str(tmp_path / "broken.so")) == (refused.value.what, refused.value.origin)

    def test_registration_validates_it(self, tmp_path):
        made = small_module()
        del made.pointers[CMDS + 8]

        with pytest.raises(InvalidExportsError, match=r"cmds\[0\]\.function"):
            Registry().load(made.write(tmp_path / "small.so"))

    def test_a_size_that_is_another_cores(self, tmp_path):
        """Later cores have longer structures: where they cannot be read, that is told."""
        made = small_module()
        made.variables["exports"].size = 80
        assert "small" == native.load(made.write(tmp_path / "readable.so")).name
        made.pointers[EXPORTS + 8] = CMDS + 1

        with pytest.raises(InvalidExportsError) as refused:
            native.load(made.write(tmp_path / "other.so"))
        assert ["its exports are 80 bytes long and not 64: is it a module for another core?"] == refused.value.__notes__

    def test_the_include_directory(self):
        assert (Path(native.include_dir()) / "sermod.h").is_file()


class TestAgain:
    """Each load of a file has variables of its own, and the code that the file has now."""

    def variable(self, exports):
        return exports.parameters[0].param_pointer

    def test_twice(self, small):
        first, second = self.variable(native.load(small)), self.variable(native.load(small))
        first.store(1)
        second.store(2)

        assert [1, 2] == [first.load(), second.load()]

    def test_two_registries(self, small):
        cores = Registry(), Registry()
        for core in cores:
            core.load(small)
        cores[0].set_param("small", "number", 99)

        pointers = [core.find_param("small", "number", INT_PARAM).param_pointer for core in cores]
        assert [99, 7] == [pointer.load() for pointer in pointers]

    @pytest.mark.parametrize("replace", [os.replace, lambda new, old: old.write_bytes(new.read_bytes())])
    def test_rebuilt(self, small, tmp_path, replace):
        """As a new file of the same name, and as the same file with another content."""
        before = native.load(small)
        rebuilt = small_module()
        struct.pack_into("<i", rebuilt.data, NUMBER, 70)
        # The old one is still in memory, so that its file must not change under it.
        if replace is not os.replace:
            small.unlink()
        replace(rebuilt.write(tmp_path / "new.so"), small)

        assert 70 == self.variable(native.load(small)).load()
        assert 7 == self.variable(before).load()

    def test_under_another_name(self, small, tmp_path):
        (tmp_path / "link.so").symlink_to(small)
        os.link(small, tmp_path / "hard.so")
        variables = [self.variable(native.load(path)) for path in (small, tmp_path / "link.so", tmp_path / "hard.so")]

        assert 3 == len({variable.address for variable in variables})

    def test_nothing_is_left_of_the_copies(self, small, tmp_path, monkeypatch):
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "copies"))
        (tmp_path / "copies").mkdir()
        native.load(small)
        native.load(small)

        assert [] == [*(tmp_path / "copies").iterdir()]

    def test_a_module_that_failed_may_be_mended(self, tmp_path):
        made = small_module()
        made.pointers[EXPORTS + 8] = CMDS + 1
        path = made.write(tmp_path / "small.so")
        with pytest.raises(InvalidExportsError):
            native.load(path)
        path.unlink()

        assert "small" == native.load(small_module().write(path)).name


class TestNoModule:
    """What is none says so in a sentence, and nothing of it is executed."""

    def test_no_file(self, tmp_path):
        told = refusal(tmp_path / "nothing.so", ModuleFileNotFoundError)

        assert "nothing.so' cannot be read" in told
        assert "give the path of a shared object" in told

    def test_a_directory(self, tmp_path):
        assert "Is a directory" in refusal(tmp_path)

    @pytest.mark.parametrize(
        "content", [b"", b"\x7fEL", b"#!/bin/sh\n", b"!<arch>\n"], ids=["empty", "start", "sh", "a"]
    )
    def test_no_shared_object(self, tmp_path, content):
        (tmp_path / "no.so").write_bytes(content)
        told = refusal(tmp_path / "no.so")

        assert f"is no shared object (it begins with {content[:8]!r}): build one with cc -shared -fPIC" in told

    @pytest.mark.parametrize(
        ("offset", "value", "told"),
        [
            (18, struct.pack("<H", 40), "is for another machine (ARM, 32 bits, ELF of 64 bits, little-endian, and"),
            (18, struct.pack("<H", 999), "is for another machine (machine 999, ELF of 64 bits, little-endian, and"),
            (4, b"\1", "ELF of 32 bits, little-endian, and this process is"),
            (4, b"\7", "ELF of ? bits, little-endian, and this process is"),
            (5, b"\2", "big-endian, and this process is"),
            (5, b"\0", "is for another machine (damaged, and this process is"),
            (16, b"\1", "is no shared object but an object file: link it, with cc -shared"),
            (16, b"\2", "is no shared object but a program: build it with cc -shared -fPIC"),
            (16, b"\4", "is no shared object but a core dump"),
            (16, b"\x55", "is no shared object but of type 85"),
        ],
    )
    def test_another_kind(self, small, offset, value, told):
        content = bytearray(small.read_bytes())
        content[offset : offset + len(value)] = value
        small.write_bytes(content)

        assert told in refusal(small)

    def test_only_the_start(self, small):
        small.write_bytes(small.read_bytes()[:19])
        assert "is for another machine (damaged" in refusal(small)

        small.write_bytes(own_header()[:20])
        assert "is damaged (" in refusal(small) or "is no shared object but" in refusal(small)

    def test_cut_short(self, tmp_path):
        """The system's loader itself would crash."""
        made = small_module()
        made.has_sections = False
        content = made.content()
        (tmp_path / "cut.so").write_bytes(content[:600])

        assert "is cut short: build it again, or copy all of it" in refusal(tmp_path / "cut.so")

    def test_the_table_of_sections_is_missing(self, small):
        small.write_bytes(small.read_bytes()[:-10])

        assert "is damaged (unpack_from requires" in refusal(small)

    def test_a_table_of_entries_without_size(self, small):
        content = bytearray(small.read_bytes())
        sections_at = struct.unpack_from("<Q", content, 40)[0]
        struct.pack_into("<Q", content, sections_at + 2 * 64 + 56, 0)
        small.write_bytes(content)

        assert "is damaged (a table has entries of no size)" in refusal(small)

    def test_a_name_without_end(self, small):
        content = bytearray(small.read_bytes())
        symbols_at = content.index(struct.pack("<IBBH", 1, 0x11, 0, 4))  # that of exports
        struct.pack_into("<I", content, symbols_at, 0xFFFFFF)
        small.write_bytes(content)

        assert "is damaged (a name has no end)" in refusal(small)

    def test_the_system_refuses_it(self, tmp_path):
        """What sermod does not look at, the system does, and its words are told."""
        made = small_module()
        made.libraries = ("libnothing_of_the_kind.so.1",)
        told = refusal(made.write(tmp_path / "small.so"))

        assert "cannot be opened: libnothing_of_the_kind.so.1: cannot open shared object file" in told


class TestExportsVariable:
    """The variable ``exports`` is to be one, large enough, and loaded."""

    def test_none(self, tmp_path):
        made = small_module()
        made.variables = {"export": made.variables["exports"]}
        told = refusal(made.write(tmp_path / "small.so"), NoExportsError)

        assert "has no variable 'exports'; define the variable as struct module_exports, as sermod.h has it" in told

    def test_a_static_one(self, tmp_path):
        made = small_module()
        made.hidden, made.variables = made.variables, {"other": Variable(0, 8)}

        assert "there is one that others cannot see: it is static" in refusal(
            made.write(tmp_path / "small.so"), NoExportsError
        )

    @pytest.mark.parametrize(
        ("kind", "told"),
        [(FUNCTION, "but a function of that name"), (6, "but a variable of each thread"), (9, "but something else")],
    )
    def test_another_kind(self, tmp_path, kind, told):
        made = small_module()
        made.variables["exports"].kind = kind

        assert told in refusal(made.write(tmp_path / "small.so"), NoExportsError)

    def test_too_small(self, tmp_path):
        made = small_module()
        made.variables["exports"].size = 63

        assert "of 63 bytes, and it is to be one of 64" in refusal(made.write(tmp_path / "small.so"), NoExportsError)

    @pytest.mark.parametrize("size", [0, 64])
    def test_too_small_a_section(self, tmp_path, size):
        made = small_module()
        made.variables["exports"].size = size
        made.data_section_size = 60

        assert "with 60 bytes left in its section, and it is to be one of 64" in refusal(
            made.write(tmp_path / "small.so"), NoExportsError
        )

    def test_behind_its_section(self, tmp_path):
        made = small_module()
        made.variables["exports"].offset = 128
        made.data_section_size = 100

        assert "with 0 bytes left in its section" in refusal(made.write(tmp_path / "small.so"), NoExportsError)

    @pytest.mark.parametrize(
        ("offset", "section"), [(10 * SIZE, 4), (2**40, 4), (EXPORTS, ABSOLUTE), (0x1234, ABSOLUTE), (SIZE - 8, 4)]
    )
    def test_where_nothing_is_loaded(self, tmp_path, offset, section):
        made = small_module()
        made.variables["exports"].offset = offset
        made.variables["exports"].section = section

        assert "where nothing of the file is loaded" in refusal(made.write(tmp_path / "small.so"), NoExportsError)

    def test_without_sections_the_system_says(self, tmp_path):
        """A file may say nothing of its sections: the system needs none."""
        made = small_module()
        made.has_sections = False
        assert "small" == native.load(made.write(tmp_path / "small.so")).name
        made.variables = {"export": made.variables["exports"]}

        assert "has no variable 'exports'" in refusal(made.write(tmp_path / "other.so"), NoExportsError)


class TestSymbols:
    """What a module needs and nobody defines is named, all of it, and what core= is for."""

    def needing(self, tmp_path, *names, **needs):
        made = small_module()
        for number, name in enumerate(names):
            made.pointers[448 + 8 * number] = name
        made.needs = needs
        return made.write(tmp_path / "needing.so")

    def test_all_are_named(self, tmp_path):
        told = refusal(self.needing(tmp_path, "absent_free", "absent_version", "abs", "absent_malloc"))

        assert "nothing in this process defines absent_free, absent_malloc, absent_version, which it needs; " in told
        assert "core='libcore.so'" in told

    def test_weak_ones_are_not(self, tmp_path):
        told = refusal(self.needing(tmp_path, "absent_free", weak_thing=WEAK))

        assert "defines absent_free, which it needs" in told

    def test_those_of_libraries_that_it_needs_are_not(self, tmp_path):
        """It names its libraries; what one of them defines that cannot be found is named, too."""
        needed = SharedObjectFile(bytearray(16), {"in_needed": Variable(0, 8)}).write(tmp_path / "needed.so")
        made = small_module()
        made.pointers |= {448: "absent_free", 456: "in_needed", 464: "in_lost"}
        made.libraries = (str(needed), str(tmp_path / "lost.so"))

        told = refusal(made.write(tmp_path / "needing.so"))

        assert f"cannot be opened: {tmp_path / 'lost.so'}: cannot open shared object file" in told
        assert "defines absent_free, in_lost, which it needs" in told

    def test_the_look_up_has_a_hint(self, tmp_path):
        told = refusal(self.needing(tmp_path, "sermod_find_export"))

        assert "(sermod_find_export is a variable that the module itself defines: see sermod.h)" in told

    def test_a_core_that_is_not_there(self, small, tmp_path):
        told = refusal(small, core=tmp_path / "libcore.so")

        assert "libcore.so', whose symbols " in told
        assert "cannot be opened: " in told
        assert "give core= its path" in told

    def test_a_core_that_does_not_define_them(self, tmp_path):
        other = small_module().write(tmp_path / "other.so")
        told = refusal(self.needing(tmp_path, "absent_free"), core=other)

        assert f"nothing in this process, {str(other)!r} included, defines absent_free" in told

    def test_a_core_that_does(self, tmp_path):
        core = SharedObjectFile(bytearray(16), {"core_of_this_test": Variable(0, 8)})
        path = self.needing(tmp_path, "core_of_this_test")

        assert "small" == native.load(path, core=core.write(tmp_path / "core.so")).name

    def test_a_core_by_name(self, small):
        """As the system looks for libraries."""
        assert "small" == native.load(small, core="libm.so.6").name


class TestStrdup:
    def test_by_name(self, small):
        assert "small" == native.load(small, strdup="strdup").name

    def test_a_name_that_is_not_there(self, small):
        with pytest.raises(LookupError, match=r"load\(strdup=...\)='pkg_strdup': nothing in this process defines"):
            native.load(small, strdup="pkg_strdup")

    def test_neither_name_nor_function(self, small):
        with pytest.raises(TypeError, match=r"load\(strdup=...\) takes a C function, its name, or"):
            native.load(small, strdup=5)


class TestLookupVariable:
    def test_it_is_filled(self, tmp_path):
        path = small_module(lookup=True).write(tmp_path / "small.so")
        place = native.load(path).parameters[0].param_pointer.address - NUMBER + LOOKUP

        assert ctypes.c_void_p.from_address(place).value

    def test_it_is_no_variable(self, tmp_path):
        made = small_module()
        code = ctypes.cast(ctypes.CDLL(None).abs, ctypes.c_void_p).value
        made.variables["sermod_find_export"] = Variable(code, 8, section=ABSOLUTE)
        told = refusal(made.write(tmp_path / "small.so"))

        assert "the sermod_find_export of the compiled module " in told
        assert "cannot be written to: it is to be a variable" in told


class TestOtherSystems:
    """Where shared objects are of another format, the system alone says what is one."""

    @pytest.fixture(autouse=True)
    def _other(self, monkeypatch):
        monkeypatch.setattr(elf, "header_of_this_process", lambda: None)

    def test_a_good_one(self, small):
        assert "small" == native.load(small).name

    def test_none(self, tmp_path):
        (tmp_path / "no.so").write_bytes(b"nothing of the kind")

        assert "cannot be opened: " in refusal(tmp_path / "no.so")

    def test_no_exports(self, tmp_path):
        made = small_module()
        made.variables = {"export": made.variables["exports"]}

        assert "has no variable 'exports'" in refusal(made.write(tmp_path / "small.so"), NoExportsError)


class TestFormatOfThisSystem:
    def test_the_program_tells(self):
        assert own_header()[:20] == elf.header_of_this_process()

    def test_no_program_is_found(self, monkeypatch, tmp_path):
        (tmp_path / "python").write_bytes(b"another format")
        monkeypatch.setattr(elf, "_PROGRAMS", (str(tmp_path / "nothing"), str(tmp_path / "python")))

        assert elf.header_of_this_process.__wrapped__() is None


class TestImport:
    def test_ctypes_is_loaded_for_compiled_modules_only(self, small):
        program = (
            "import sys, sermod\n"
            "core = sermod.Registry()\n"
            "core.register(sermod.ModuleExports('m'))\n"
            "before = 'ctypes' in sys.modules\n"
            f"core.load({str(small)!r})\n"
            "print(before, 'ctypes' in sys.modules)\n"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

        assert "False True\n" == done.stdout


def test_what_is_stored_is_kept_by_the_library(small):
    """C may have copied the pointer: the string outlives the exports and whoever has set the parameter."""
    pointer = native.load(small).parameters[1].param_pointer
    pointer.store("stored")

    assert [b"stored"] == [buffer.value for buffer in library._opened[-1].kept]


def test_libraries_stay_open(small):
    """What C has of a library, nobody can know: each that was opened is kept for good."""
    before = len(library._opened)
    native.load(small)

    assert before + 1 == len(library._opened)

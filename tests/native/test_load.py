"""A compiled module is opened, or the error says why not. The files are written byte by byte, without a compiler."""

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
        """A registry loads it by path and by name, like any module."""
        core = Registry(path=[small.parent])
        module = core.load("small")
        core.set_param("small", "number", 8)

        assert ("small", str(small)) == (module.name, module.origin)
        assert 8 == core.find_param("small", "number", INT_PARAM).param_pointer.load()
        with pytest.raises(AlreadyLoadedError):
            core.load(small)

    def test_by_the_loader(self, small):
        assert "small" == sermod.load(small).name

    def test_a_python_module_may_export_it(self, small, tmp_path):
        (tmp_path / "python.py").write_text(f"from sermod import native\nexports = native.load({str(small)!r})\n")

        assert "small" == Registry(path=[tmp_path]).load("python").name

    def test_the_error_of_the_loader_has_what_was_asked_for(self, tmp_path):
        (tmp_path / "broken.so").write_bytes(b"nothing")

        with pytest.raises(LoadError) as refused:
            Registry(path=[tmp_path]).load("broken")
        assert ("broken", str(tmp_path / "broken.so")) == (refused.value.what, refused.value.origin)

    def test_registration_validates_it(self, tmp_path):
        made = small_module()
        del made.pointers[CMDS + 8]

        with pytest.raises(InvalidExportsError, match=r"cmds\[0\]\.function"):
            Registry().load(made.write(tmp_path / "small.so"))

    def test_the_size_of_another_core(self, tmp_path):
        """Later cores have longer structures: if one cannot be read, a note says so."""
        made = small_module()
        made.variables["exports"].size = 80
        assert "small" == native.load(made.write(tmp_path / "readable.so")).name
        made.pointers[EXPORTS + 8] = CMDS + 1

        with pytest.raises(InvalidExportsError) as refused:
            native.load(made.write(tmp_path / "other.so"))
        (note,) = refused.value.__notes__
        assert "its variable 'exports' has 80 bytes, and struct module_exports has 64: it may be a module" in note

    def test_the_include_directory(self):
        assert (Path(native.include_dir()) / "sermod.h").is_file()


class TestAgain:
    """Each load of a file has its own variables, and the code that the file has now."""

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
        """The file may be replaced or written anew."""
        before = native.load(small)
        rebuilt = small_module()
        struct.pack_into("<i", rebuilt.data, NUMBER, 70)
        # The old one is still mapped: its file must not change.
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

    def test_the_copies_are_removed(self, small, tmp_path, monkeypatch):
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "copies"))
        (tmp_path / "copies").mkdir()
        native.load(small)
        native.load(small)

        assert [] == [*(tmp_path / "copies").iterdir()]

    def test_a_module_that_failed_may_be_corrected(self, tmp_path):
        made = small_module()
        made.pointers[EXPORTS + 8] = CMDS + 1
        path = made.write(tmp_path / "small.so")
        with pytest.raises(InvalidExportsError):
            native.load(path)
        path.unlink()

        assert "small" == native.load(small_module().write(path)).name


class TestNotAModule:
    """A file that is not a compiled module is refused with the reason, and nothing in it is executed."""

    def test_no_file(self, tmp_path):
        message = refusal(tmp_path / "nothing.so", ModuleFileNotFoundError)

        assert "nothing.so' cannot be read" in message
        assert "give the path of a shared object" in message

    def test_a_directory(self, tmp_path):
        assert "is a directory" in refusal(tmp_path)

    @pytest.mark.parametrize(
        "content", [b"", b"\x7fEL", b"#!/bin/sh\n", b"!<arch>\n"], ids=["empty", "start", "sh", "a"]
    )
    def test_no_shared_object(self, tmp_path, content):
        (tmp_path / "no.so").write_bytes(content)
        message = refusal(tmp_path / "no.so")

        assert f"is not a shared object (it begins with {content[:8]!r}): build one with cc -shared -fPIC" in message

    @pytest.mark.parametrize(
        ("offset", "value", "message"),
        [
            (18, struct.pack("<H", 40), "is for another machine (ARM, 32 bits, ELF of 64 bits, little-endian; this"),
            (18, struct.pack("<H", 999), "is for another machine (machine 999, ELF of 64 bits, little-endian; this"),
            (4, b"\1", "ELF of 32 bits, little-endian; this process is"),
            (4, b"\7", "ELF of ? bits, little-endian; this process is"),
            (5, b"\2", "big-endian; this process is"),
            (5, b"\0", "is for another machine (damaged; this process is"),
            (16, b"\1", "is not a shared object but an object file: link it, with cc -shared"),
            (16, b"\2", "is not a shared object but a program: build it with cc -shared -fPIC"),
            (16, b"\4", "is not a shared object but a core dump"),
            (16, b"\x55", "is not a shared object but of type 85"),
        ],
    )
    def test_another_kind(self, small, offset, value, message):
        content = bytearray(small.read_bytes())
        content[offset : offset + len(value)] = value
        small.write_bytes(content)

        assert message in refusal(small)

    def test_only_the_start(self, small):
        small.write_bytes(small.read_bytes()[:19])
        assert "is for another machine (damaged" in refusal(small)

        small.write_bytes(own_header()[:20])
        assert "is damaged (" in refusal(small) or "is not a shared object but" in refusal(small)

    def test_cut_short(self, tmp_path):
        """The system's own loader would crash."""
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

        assert "is damaged (a table has entries of size 0)" in refusal(small)

    def test_a_name_without_end(self, small):
        content = bytearray(small.read_bytes())
        symbols_at = content.index(struct.pack("<IBBH", 1, 0x11, 0, 4))  # that of exports
        struct.pack_into("<I", content, symbols_at, 0xFFFFFF)
        small.write_bytes(content)

        assert "is damaged (a name has no NUL)" in refusal(small)

    def test_the_system_refuses_it(self, tmp_path):
        """For what sermod does not check, the error has the system's own text."""
        made = small_module()
        made.libraries = ("libnothing_of_the_kind.so.1",)
        message = refusal(made.write(tmp_path / "small.so"))

        assert "cannot be opened: libnothing_of_the_kind.so.1: cannot open shared object file" in message


class TestExportsVariable:
    """There must be a variable ``exports``, large enough, and loaded."""

    def test_none(self, tmp_path):
        made = small_module()
        made.variables = {"export": made.variables["exports"]}
        message = refusal(made.write(tmp_path / "small.so"), NoExportsError)

        assert "has no variable 'exports'; define it as sermod.h declares it: struct module_exports exports" in message

    def test_a_static_one(self, tmp_path):
        made = small_module()
        made.hidden, made.variables = made.variables, {"other": Variable(0, 8)}

        assert "has no variable 'exports' that other objects see: it is static" in refusal(
            made.write(tmp_path / "small.so"), NoExportsError
        )

    @pytest.mark.parametrize(
        ("kind", "message"),
        [(FUNCTION, "but a function of that name"), (6, "but a thread-local variable"), (9, "but another symbol")],
    )
    def test_another_kind(self, tmp_path, kind, message):
        made = small_module()
        made.variables["exports"].kind = kind

        assert message in refusal(made.write(tmp_path / "small.so"), NoExportsError)

    @pytest.mark.parametrize(("size", "text"), [(1, "1 byte"), (2, "2 bytes"), (63, "63 bytes")])
    def test_too_small(self, tmp_path, size, text):
        made = small_module()
        made.variables["exports"].size = size

        assert f"of {text}, but it must have 64" in refusal(made.write(tmp_path / "small.so"), NoExportsError)

    @pytest.mark.parametrize("size", [0, 64])
    @pytest.mark.parametrize(("left", "text"), [(0, "0 bytes"), (1, "1 byte"), (2, "2 bytes"), (60, "60 bytes")])
    def test_too_small_a_section(self, tmp_path, size, left, text):
        made = small_module()
        made.variables["exports"].size = size
        made.data_section_size = left

        assert f"with {text} left in its section, but it must have 64" in refusal(
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

        assert "where no part of the file is loaded" in refusal(made.write(tmp_path / "small.so"), NoExportsError)

    def test_without_sections_the_system_says(self, tmp_path):
        """A file may have no table of sections, since the system does not need one."""
        made = small_module()
        made.has_sections = False
        assert "small" == native.load(made.write(tmp_path / "small.so")).name
        made.variables = {"export": made.variables["exports"]}

        assert "has no variable 'exports'" in refusal(made.write(tmp_path / "other.so"), NoExportsError)


class TestSymbols:
    """The error names all symbols that the module needs and no library defines, and the argument core."""

    def needing(self, tmp_path, *names, **needs):
        made = small_module()
        for number, name in enumerate(names):
            made.pointers[448 + 8 * number] = name
        made.needs = needs
        return made.write(tmp_path / "needing.so")

    def test_all_are_named(self, tmp_path):
        message = refusal(self.needing(tmp_path, "absent_free", "absent_version", "abs", "absent_malloc"))

        assert "defines absent_free, absent_malloc, absent_version, which it needs; name the library" in message
        assert "core='libcore.so'" in message

    def test_weak_ones_are_not(self, tmp_path):
        message = refusal(self.needing(tmp_path, "absent_free", weak_thing=WEAK))

        assert "defines absent_free, which it needs" in message

    def test_those_of_libraries_that_it_needs_are_not(self, tmp_path):
        """Symbols of its libraries are not named, except those of a library that cannot be found."""
        needed = SharedObjectFile(bytearray(16), {"in_needed": Variable(0, 8)}).write(tmp_path / "needed.so")
        made = small_module()
        made.pointers |= {448: "absent_free", 456: "in_needed", 464: "in_lost"}
        made.libraries = (str(needed), str(tmp_path / "lost.so"))

        message = refusal(made.write(tmp_path / "needing.so"))

        assert f"cannot be opened: {tmp_path / 'lost.so'}: cannot open shared object file" in message
        assert "defines absent_free, in_lost, which it needs" in message

    def test_the_look_up_has_a_hint(self, tmp_path):
        message = refusal(self.needing(tmp_path, "sermod_find_export"))

        assert "(sermod_find_export is a variable that the module itself defines: see sermod.h)" in message

    def test_a_core_that_is_not_there(self, small, tmp_path):
        message = refusal(small, core=tmp_path / "libcore.so")

        assert "libcore.so', whose symbols " in message
        assert "cannot be opened: " in message
        assert "give core= its path" in message

    def test_a_core_that_does_not_define_them(self, tmp_path):
        other = small_module().write(tmp_path / "other.so")
        message = refusal(self.needing(tmp_path, "absent_free"), core=other)

        assert f"no library in this process, {str(other)!r} included, defines absent_free" in message

    def test_a_core_that_does(self, tmp_path):
        core = SharedObjectFile(bytearray(16), {"core_of_this_test": Variable(0, 8)})
        path = self.needing(tmp_path, "core_of_this_test")

        assert "small" == native.load(path, core=core.write(tmp_path / "core.so")).name

    def test_a_core_by_name(self, small):
        """The system finds it on its library path."""
        assert "small" == native.load(small, core="libm.so.6").name


class TestStrdup:
    def test_by_name(self, small):
        assert "small" == native.load(small, strdup="strdup").name

    def test_a_name_that_is_not_there(self, small):
        with pytest.raises(LookupError, match=r"load\(strdup=...\)='pkg_strdup': no library in this process defines"):
            native.load(small, strdup="pkg_strdup")

    def test_neither_name_nor_function(self, small):
        with pytest.raises(TypeError, match=r"load\(strdup=...\) takes a C function, its name, or"):
            native.load(small, strdup=5)


class TestLookupVariable:
    def test_it_is_filled(self, tmp_path):
        path = small_module(lookup=True).write(tmp_path / "small.so")
        place = native.load(path).parameters[0].param_pointer.address - NUMBER + LOOKUP

        assert ctypes.c_void_p.from_address(place).value

    def test_it_is_not_a_variable(self, tmp_path):
        made = small_module()
        code = ctypes.cast(ctypes.CDLL(None).abs, ctypes.c_void_p).value
        made.variables["sermod_find_export"] = Variable(code, 8, section=ABSOLUTE)
        message = refusal(made.write(tmp_path / "small.so"))

        assert "sermod_find_export of the compiled module " in message
        assert "cannot be written to; define it as a variable" in message


class TestOtherSystems:
    """Where shared objects have another format, only the system checks the file."""

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
    def test_the_program_has_it(self):
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
    """C may have copied the pointer, so the string outlives the exports."""
    pointer = native.load(small).parameters[1].param_pointer
    pointer.store("stored")

    assert [b"stored"] == [buffer.value for buffer in library._opened[-1].kept]


def test_libraries_stay_open(small):
    """C may have pointers into a library, so each one that was opened is kept."""
    before = len(library._opened)
    native.load(small)

    assert before + 1 == len(library._opened)

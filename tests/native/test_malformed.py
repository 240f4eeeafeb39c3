"""Hundreds of malformed exports are read in one process, which lives. Each is made of a good one."""

import ctypes
import random
import struct

import pytest
from shared_objects import SharedObjectFile
from small_modules import CMDS, EXPORTS, NUMBER, PARAMS, TEXT, small_module
from structures import Good

from sermod import InvalidExportsError, LoadError, find_problems, native

ADDRESSES = (1, 7, 8, 0x1000, 0x10000, 0xDEADBEEF, 2**47 - 8, 2**47, 2**63, 2**64 - 8, 2**64 - 1)
"""Addresses at which no process has memory."""
NUMBERS = (-(2**31), 2**31 - 1, 3, -1)


def problems_of(read):
    """Return the problems of exports, from reading or from validation."""
    try:
        return find_problems(read())
    except InvalidExportsError as refused:
        return refused.problems


def fields_of(good):
    """Yield each field of the structures: its structure, its name, and whether it is an address."""
    for entry in (good.top, *good.cmds, *good.params):
        for name, kind in entry._fields_:
            yield entry, name, kind is ctypes.c_void_p


class TestInMemory:
    def test_dangling_and_odd_addresses(self):
        """Every field that is an address, with each of the bad addresses."""
        good = Good()
        count = 0
        for entry, name, is_address in [*fields_of(good)]:
            for address in ADDRESSES if is_address else ():
                before = getattr(entry, name)
                setattr(entry, name, address)
                assert problems_of(good.read), (entry, name, hex(address))
                setattr(entry, name, before)
                count += 1
        assert () == problems_of(good.read)
        assert 250 < count

    def test_absurd_numbers(self):
        """Every field that is a number: of a command for the script, of a parameter, of a terminator."""
        good = Good()
        for entry in (good.cmds[0], good.cmds[2], *good.params):
            for name in {name for name, kind in entry._fields_ if kind is not ctypes.c_void_p}:
                for number in NUMBERS:
                    before = getattr(entry, name)
                    setattr(entry, name, number)
                    assert (name, number) == ("flags", 3) or problems_of(good.read), (name, number)
                    setattr(entry, name, before)

    def test_names_without_end(self):
        good = Good()
        endless = ctypes.create_string_buffer(b"x" * 100_000)
        for entry in (good.top, *good.cmds[:2], *good.params[:2]):
            before = entry.name
            entry.name = ctypes.addressof(endless)
            assert [("bad-address")] == [found.code for found in problems_of(good.read)]
            entry.name = before

    def test_arrays_without_terminator(self):
        """The terminator is replaced by other bytes."""
        good = Good()
        for terminator in (good.cmds[2], good.params[2]):
            size = ctypes.sizeof(terminator)
            for byte in range(1, 256, 6):
                ctypes.memset(ctypes.addressof(terminator), byte, size)
                assert problems_of(good.read), byte
            ctypes.memset(ctypes.addressof(terminator), 0, size)

    @pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2, 3))])
    def test_any_bytes_anywhere(self, seed):
        """Bytes are changed at random: some changes are harmless, and none ends the process."""
        chance = random.Random(seed)  # noqa: S311 - no secret
        codes = set()
        for _ in range(250):
            good = Good()
            place = chance.choice([good.top, good.cmds, good.params])
            raw = (ctypes.c_ubyte * ctypes.sizeof(place)).from_buffer(place)
            for _ in range(chance.randint(1, 4)):
                raw[chance.randrange(len(raw))] = chance.randrange(256)
            codes |= {found.code for found in problems_of(good.read)}
        assert {"bad-address", "half-null"} <= codes


class TestSharedObjects:
    """The same for files."""

    def load(self, tmp_path, made: SharedObjectFile):
        return native.load(made.write(tmp_path / "small.so"))

    def test_the_good_one(self, tmp_path):
        assert () == find_problems(self.load(tmp_path, small_module()))

    @pytest.mark.parametrize("address", ADDRESSES)
    def test_addresses(self, tmp_path, address):
        for offset in [*small_module().pointers]:
            made = small_module()
            del made.pointers[offset]
            struct.pack_into("<Q", made.data, offset, address)
            codes = {found.code for found in problems_of(lambda made=made: self.load(tmp_path, made))}
            assert {"bad-address"} <= codes

    @pytest.mark.parametrize("offset", [EXPORTS, CMDS, CMDS + 8, CMDS + 40, PARAMS, PARAMS + 16, PARAMS + 24])
    def test_nulls(self, tmp_path, offset):
        made = small_module()
        del made.pointers[offset]

        assert problems_of(lambda: self.load(tmp_path, made))

    @pytest.mark.parametrize("offset", [EXPORTS + 8, EXPORTS + 16, PARAMS + 16, PARAMS + 40])
    @pytest.mark.parametrize("target", [EXPORTS + 1, CMDS + 7, NUMBER + 1, TEXT + 3])
    def test_odd_addresses(self, tmp_path, offset, target):
        made = small_module()
        made.pointers[offset] = target

        assert problems_of(lambda: self.load(tmp_path, made))

    @pytest.mark.parametrize("seed", range(60))
    def test_files_that_are_changed(self, tmp_path, seed):
        """A byte is changed in what sermod reads before the system does: an error names the file, or there is none."""
        content = bytearray(small_module().content())
        sections_at = struct.unpack_from("<Q", content, 40)[0]
        chance = random.Random(seed)  # noqa: S311 - no secret
        places = [*range(20), *range(40, 64), *range(sections_at, len(content))]
        content[chance.choice(places)] ^= chance.randrange(1, 256)
        file = tmp_path / "small.so"
        file.write_bytes(content)

        try:
            message = f"{file}: {native.load(file).name}"
        except LoadError as error:
            message = str(error)
        assert str(file) in message

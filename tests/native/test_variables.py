"""The variables of a C module."""

import ctypes

import pytest

from sermod import Registry
from sermod.native import UnreadableError
from sermod.native.parameters import MAX_VALUE_BYTES, IntVariable, StringVariable


@pytest.fixture
def place():
    return ctypes.c_void_p()


@pytest.fixture
def kept():
    return []


@pytest.fixture
def variable(place, kept):
    return StringVariable(ctypes.addressof(place), kept)


class TestInt:
    @pytest.mark.parametrize("value", [0, -1, 2**31 - 1, -(2**31)])
    def test_load_and_store(self, value):
        number = ctypes.c_int(5)
        pointer = IntVariable(ctypes.addressof(number))
        assert 5 == pointer.load()
        pointer.store(value)

        assert (value, value) == (number.value, pointer.load())


class TestString:
    def test_null_is_none(self, place, variable):
        assert variable.load() is None
        variable.store("text")
        variable.store(None)

        assert place.value is None

    @pytest.mark.parametrize("value", ["", "text", "größe", "\udcff\udc80"])
    def test_load_and_store(self, place, variable, value):
        variable.store(value)

        assert value.encode("utf-8", "surrogateescape") == ctypes.string_at(place.value)
        assert value == variable.load()

    def test_the_longest(self, variable):
        """A value that could not be read again is refused before it is stored."""
        variable.check(None)
        for value in ("x" * MAX_VALUE_BYTES, "ß" * (MAX_VALUE_BYTES // 2)):
            variable.check(value)
            variable.store(value)
            assert value == variable.load()
        with pytest.raises(ValueError, match=f"it is {MAX_VALUE_BYTES + 1} bytes long; the limit is {MAX_VALUE_BYTES}"):
            variable.check("ß" + "x" * (MAX_VALUE_BYTES - 1))

    def test_what_is_stored_is_kept(self, variable, kept):
        """The old value is kept as well, since C may have copied the pointer."""
        variable.store("first")
        variable.store("second")

        assert [b"first", b"second"] == [buffer.value for buffer in kept]

    def test_the_modules_own_text_can_be_put_back(self, place, variable, kept):
        own = ctypes.create_string_buffer(b"own")
        place.value = ctypes.addressof(own)
        before = variable.load()
        variable.store("new")
        variable.store(before)

        assert ctypes.addressof(own) == place.value
        assert [b"new"] == [buffer.value for buffer in kept]

    def test_c_has_set_a_pointer_that_cannot_be_read(self, place, variable):
        place.value = 0x10000

        with pytest.raises(UnreadableError, match="there is no memory at 0x10000") as caught:
            variable.load()
        assert 0x10000 == caught.value.address

    def test_c_has_set_a_pointer_to_a_string_without_end(self, place, variable):
        endless = ctypes.create_string_buffer(b"x" * (MAX_VALUE_BYTES + 1))
        place.value = ctypes.addressof(endless)

        with pytest.raises(UnreadableError, match=f"it has no NUL within {MAX_VALUE_BYTES} bytes") as caught:
            variable.load()
        assert ctypes.addressof(endless) == caught.value.address


class TestIdentity:
    def test_equal_if_the_address_and_the_type_are(self, kept):
        assert IntVariable(8) == IntVariable(8)
        assert hash(IntVariable(8)) == hash(IntVariable(8))
        assert IntVariable(8) != IntVariable(16)
        assert IntVariable(8) != StringVariable(8, kept)
        assert IntVariable(8) != 8

    def test_repr(self, kept):
        assert "IntVariable(0x8)" == repr(IntVariable(8))


class TestInRegistry:
    @pytest.mark.parametrize("value", ["x" * (MAX_VALUE_BYTES + 1), "\ud800"], ids=["long", "no bytes"])
    def test_a_value_that_c_cannot_have(self, value):
        """The value is refused, and the parameter can be set to another one."""
        from structures import Good

        from sermod import ParamValueError

        good = Good()
        core = Registry()
        core.register(good.read())
        with pytest.raises(ParamValueError, match="for parameter 'text' of module 'good' is refused: "):
            core.set_param("good", "text", value)
        core.set_param("good", "text", "short")

        assert b"short" == ctypes.string_at(good.text.value)

    def test_a_failure_puts_the_pointers_back(self):
        """All or nothing: if one parameter fails, the C variable of another has its old value, at the old address."""
        from structures import Good

        from sermod import STR_PARAM, ModuleExports, ParamExport, Pointer

        class Broken(Pointer[str]):
            def load(self):
                return "text"

            def store(self, value):
                raise OSError("broken")

        good = Good()
        before = good.text.value
        core = Registry()
        core.register(good.read())
        core.register(ModuleExports("goods", None, [ParamExport("text", STR_PARAM, Broken()), ParamExport()]))
        with pytest.raises(ValueError, match="broken"):
            core.modparam("goods?", "text", "new")

        assert before == good.text.value

"""The message of the C modules of the tests."""

from __future__ import annotations

import ctypes


class Message(ctypes.Structure):
    """``struct sip_msg`` of tests/native/c."""

    _fields_ = (("counter", ctypes.c_int), ("text", ctypes.c_char * 252))

"""Which users may replace a module's file, by POSIX permissions."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from sermod.errors import InsecurePathError, LoadError

_MAX_LINKS: Final = 40
"""How many symbolic links Linux follows on the way to a file."""


class _Step(NamedTuple):
    """A file, directory or symbolic link on the way to a file."""

    path: Path
    status: os.stat_result


def check_permissions(what: str, file: str, cached: str | None = None) -> None:
    """Refuse a file that users other than root and the process's own may replace, directly or through what leads to it.

    Args:
        what: The module as the caller named it, for the message.
        file: The file.
        cached: The file of bytecode that Python executes instead, if it exists; ``None`` if Python executes the file
            itself.

    Raises:
        InsecurePathError: Another user may; the message says which, and how to change that.
        LoadError: The permissions cannot be read.
    """
    origin = os.path.realpath(file)
    try:
        reason = _why_insecure(_steps(Path(file)), f"replace {origin}")
        if reason is None and cached is not None:
            reason = _why_bytecode_insecure([*_steps(Path(cached))], f"replace {cached}, which Python executes instead")
    except OSError as error:
        msg = f"{what!r} is not loaded: the permissions on the way to {file} cannot be read ({error}); make it readable"
        raise LoadError(msg, what=what, origin=origin) from error
    if reason is not None:
        raise InsecurePathError(f"{what!r} is not loaded: {reason}", what=what, origin=origin)


def _why_insecure(steps: Iterable[_Step], may: str) -> str | None:
    """Return who may replace what the steps lead to, and how to change that; ``None`` if no other user may."""
    own = os.geteuid()
    for path, status in steps:
        if status.st_uid not in (own, 0):
            return f"user {status.st_uid}, who owns {path}, may {may}; make user {own} its owner"
        if _is_writable_by_others(status.st_mode) and not _is_sticky_directory(status.st_mode):
            return f"{_others(path, status)} may {may}; run chmod go-w {path}"
    return None


def _why_bytecode_insecure(steps: list[_Step], may: str) -> str | None:
    directories = [step for step in steps if stat.S_ISDIR(step.status.st_mode)]
    reason = _why_insecure(steps, may)
    path, status = directories[-1]
    if reason is None and _is_writable_by_others(status.st_mode):
        # The sticky bit keeps users from replacing files of others, but not from making new ones.
        return f"{_others(path, status)} may {may}; move the module to a directory that only its owner may write to"
    return reason


def _others(path: Path, status: os.stat_result) -> str:
    return f"users other than the owner of {path}, which has the permissions {stat.filemode(status.st_mode)},"


def _is_writable_by_others(mode: int) -> bool:
    return bool(mode & (stat.S_IWGRP | stat.S_IWOTH)) and not stat.S_ISLNK(mode)  # those of a link have no meaning


def _is_sticky_directory(mode: int) -> bool:
    """Return whether users may only replace their own files there, as in /tmp."""
    return stat.S_ISDIR(mode) and bool(mode & stat.S_ISVTX)


def _steps(path: Path) -> Iterator[_Step]:
    """Yield the file and every directory and symbolic link that leads to it, on both sides of each link.

    What does not exist, or is inside of a file (a zip archive for example), is left out.
    """
    ahead = [*reversed(path.absolute().parts)]
    walked = Path(ahead[-1])
    links = 0
    while ahead:
        part = ahead.pop()
        if part == "..":  # relative to the target of a link, not to the link
            walked = walked.parent
            continue
        step = walked / part
        try:
            status = step.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return
        yield _Step(step, status)
        if stat.S_ISLNK(status.st_mode):
            links += 1
            if links > _MAX_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
            ahead.extend(reversed(step.readlink().parts))
        else:
            walked = step

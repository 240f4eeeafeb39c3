"""Who may replace a module's file, as POSIX permissions have it."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from sermod.errors import InsecurePathError


def check_permissions(what: str, file: Path) -> None:
    """Refuse a file that others than its owner may replace, by itself or through a directory above it.

    Args:
        what: What is to be loaded, for the message.
        file: Its file.

    Raises:
        InsecurePathError: Somebody else may; the message says who, and how to take the right away.
    """
    owner = file.stat().st_uid
    for step in _steps(file):
        status = step.lstat()
        if status.st_uid not in (owner, 0):
            wrong = f"user {status.st_uid}, to whom {step} belongs,"
            remedy = f"let it belong to user {owner}"
        elif _is_writable_by_others(status.st_mode):
            wrong = f"others than the owner of {step}, whose permissions are {stat.filemode(status.st_mode)},"
            remedy = f"take the right away with chmod go-w {step}"
        else:
            continue
        msg = f"{what!r} is not loaded: {wrong} may replace {file.resolve()}; {remedy}"
        raise InsecurePathError(msg, what=what, origin=str(file.resolve()))


def _is_writable_by_others(mode: int) -> bool:
    if stat.S_ISLNK(mode):
        return False  # its permissions mean nothing
    # In a directory with the sticky bit, as /tmp is, nobody may replace what is another's.
    return bool(mode & (stat.S_IWGRP | stat.S_IWOTH)) and not (stat.S_ISDIR(mode) and mode & stat.S_ISVTX)


def _steps(path: Path) -> Iterator[Path]:
    """Yield the file and every directory and symbolic link that leads to it, on both sides of each link."""
    walked = Path.cwd()
    ahead = [*reversed((walked / path).parts)]
    while ahead:
        part = ahead.pop()
        if part == "..":  # of what a link leads to, not of the link
            walked = walked.parent
            continue
        step = walked / part
        yield step
        if step.is_symlink():
            ahead.extend(reversed(step.readlink().parts))
        else:
            walked = step

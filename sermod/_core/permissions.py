"""Which users may replace a module's file, by POSIX permissions."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from sermod.errors import InsecurePathError


def check_permissions(what: str, file: Path) -> None:
    """Refuse a file that users other than its owner may replace, directly or through a directory above it.

    Args:
        what: The module as the caller named it, for the message.
        file: Its file.

    Raises:
        InsecurePathError: Another user may; the message says which, and how to change that.
    """
    owner = file.stat().st_uid
    for step in _steps(file):
        status = step.lstat()
        if status.st_uid not in (owner, 0):
            wrong = f"user {status.st_uid}, who owns {step},"
            remedy = f"make user {owner} its owner"
        elif _is_writable_by_others(status.st_mode):
            wrong = f"users other than the owner of {step}, which has the permissions {stat.filemode(status.st_mode)},"
            remedy = f"run chmod go-w {step}"
        else:
            continue
        msg = f"{what!r} is not loaded: {wrong} may replace {file.resolve()}; {remedy}"
        raise InsecurePathError(msg, what=what, origin=str(file.resolve()))


def _is_writable_by_others(mode: int) -> bool:
    if stat.S_ISLNK(mode):
        return False  # the permissions of a link have no meaning
    # In a directory with the sticky bit, such as /tmp, users may only replace their own files.
    return bool(mode & (stat.S_IWGRP | stat.S_IWOTH)) and not (stat.S_ISDIR(mode) and mode & stat.S_ISVTX)


def _steps(path: Path) -> Iterator[Path]:
    """Yield the file and every directory and symbolic link that leads to it, on both sides of each link."""
    walked = Path.cwd()
    ahead = [*reversed((walked / path).parts)]
    while ahead:
        part = ahead.pop()
        if part == "..":  # relative to the target of a link, not to the link
            walked = walked.parent
            continue
        step = walked / part
        yield step
        if step.is_symlink():
            ahead.extend(reversed(step.readlink().parts))
        else:
            walked = step

"""Files of modules that tests write and load."""

from __future__ import annotations

from pathlib import Path


def write(file: Path, *lines: str, name: str | None = None, more: str = "") -> Path:
    """Write a module: *lines*, then exports of the file's name or of *name*, and *more* of them; return its file."""
    exports = f"exports = ModuleExports({name or file.stem!r}, {more})"
    return write_lines(file, "from sermod import *", *lines, exports)


def write_lines(file: Path, *lines: str) -> Path:
    """Write a file of any content, with the directories above it, and return it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return file


def write_distribution(site: Path, **entry_points: str) -> None:
    """Write what an installed distribution leaves beside its packages: the entry points that it offers."""
    number = len([*site.glob("*.dist-info")]) + 1
    info = site / f"distribution{number}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: distribution{number}\nVersion: 1.0\n", encoding="utf-8"
    )
    lines = [f"{name} = {value}" for name, value in entry_points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[sermod.modules]", *lines, ""]), encoding="utf-8")

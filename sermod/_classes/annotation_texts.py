"""Annotations as text for people: as their author wrote them, and without the addresses of objects."""

from __future__ import annotations

import inspect
import re
import types
from typing import Annotated, Any, Union, cast, get_args, get_origin

from sermod._classes.constraints import RefusedConstraintError, constraints_in
from sermod._problems import repr_of
from sermod.fixups import expectation


def annotation_text(annotation: object) -> str:
    """Return an annotation as its author wrote it, as far as Python keeps that.

    An ``Annotated`` is its type, with what its fixup and its limits take in parentheses: ``int (from 0 to 9)``.
    """
    if isinstance(annotation, str):
        return annotation
    forward: object = getattr(annotation, "__forward_arg__", None)  # of a ForwardRef
    if isinstance(forward, str):
        return forward
    origin = get_origin(annotation)
    if origin is Annotated:
        return _annotated_text(annotation)
    if origin in (Union, types.UnionType):
        return " | ".join("None" if each is types.NoneType else annotation_text(each) for each in get_args(annotation))
    return without_addresses(inspect.formatannotation(annotation))


def _annotated_text(annotation: Any) -> str:
    facts = [fact for each in annotation.__metadata__ if callable(each) and (fact := _fact_of(each))]
    others = [each for each in annotation.__metadata__ if not callable(each)]
    try:
        facts += [each.says for each in constraints_in(others)]
    except RefusedConstraintError:  # the annotation is being refused
        facts += [without_addresses(repr_of(each)) for each in others]
    text = annotation_text(annotation.__origin__)
    return f"{text} ({' and '.join(facts)})" if facts else text


def _fact_of(fixup: object) -> str | None:
    """Return what a fixup takes, or its name; ``None`` if it has neither."""
    expects = expectation(fixup)
    if expects is not None:
        return expects
    name = getattr(fixup, "__name__", type(fixup).__name__)
    return None if name == "<lambda>" else cast("str", name)


def without_addresses(text: str) -> str:
    """Return a text in which objects are named without their address, which is another one with every start."""
    text = re.sub(r"ForwardRef\('([^']*)'[^()]*\)", r"\1", text)
    return re.sub(r"( object)? at 0x[0-9a-fA-F]+", "", text)

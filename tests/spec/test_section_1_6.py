"""The specification, section 1.6, Module Callbacks, which it leaves open: the core settles it."""

from __future__ import annotations

from making import Journal

from sermod import Lifecycle, ModuleExports, Registry


def test_the_callbacks_are_those_of_the_core():
    """Section 1.6.

    > TBD.

    The core asks each response function about a reply, and calls each onbreak function when a 0 has ended a route: the
    newest module first.
    """
    journal = Journal()
    core = Registry()
    for name in ("older", "newer"):
        core.register(
            ModuleExports(
                name,
                response_f=journal.hook(f"response of {name}", returns=1),
                onbreak_f=journal.hook(f"onbreak of {name}"),
            )
        )
    with Lifecycle(core) as life:
        assert life.process_reply("reply") is True
        assert 0 == life.run_route(lambda msg: 0, "request")

    assert [
        ("response of newer", "reply"),
        ("response of older", "reply"),
        ("onbreak of newer", "request"),
        ("onbreak of older", "request"),
    ] == journal

"""Look-ups agree with a straightforward model of the core: a scan of every entry, the newest module first."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from making import make_exports

from sermod import CmdExport, InterfaceWarning, Registry, ShadowedCommandError

NAMES = "abc"
COUNTS = range(4)
FLAGS = range(8)

commands = st.builds(
    lambda name, count, flags: CmdExport(name, lambda msg, *parameters: 1, count, 0, flags),
    st.sampled_from(NAMES),
    st.sampled_from(COUNTS),
    st.sampled_from(FLAGS),
)
servers = st.lists(st.lists(commands, max_size=8), max_size=8)


def scan(modules, name, param_no, flags=0):
    """Walk as `find_export` of the core does; return the module and the command, or None."""
    for module, entries in reversed(modules):
        for entry in entries:
            if entry.name == name and entry.param_no == param_no and int(entry.flags) & flags == flags:
                return module, entry
    return None


def without_unfindable(entries):
    """Leave out the entries that validation refuses, since no scan ever gets to them, or not for all their routes."""
    kept = []
    for entry in entries:
        flags = int(entry.flags)
        rivals = [int(other.flags) for other in kept if (other.name, other.param_no) == (entry.name, entry.param_no)]
        if not any(flags & rival or flags | rival == rival for rival in rivals):
            kept.append(entry)
    return kept


def registered(core, name, entries):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InterfaceWarning)
        core.register(make_exports(name, *entries))


def assert_agreement(core, modules):
    for name in NAMES:
        for count in COUNTS:
            for flags in FLAGS:
                found = scan(modules, name, count, flags)
                assert (found and found[1]) is core.find_export(name, count, flags)


@given(servers)
@settings(max_examples=2 * settings.default.max_examples)
@example([[CmdExport("a", print, 1, 0, 3)], [CmdExport("a", print, 1, 0, 1), CmdExport("a", print, 1, 0, 2)]])
def test_find_export_finds_what_the_scan_finds(server):
    """For every name, number of parameters and combination of flags, with modules that shadow each other at random."""
    core, modules = Registry(allow_shadowing=True), []
    for number, entries in enumerate(map(without_unfindable, server)):
        registered(core, f"m{number}", entries)
        modules.append((f"m{number}", entries))

    assert_agreement(core, modules)


@given(servers)
@settings(max_examples=2 * settings.default.max_examples)
def test_bind_finds_the_module_that_the_scan_finds(server):
    core, modules = Registry(route_flags=7, script_param_no=COUNTS, allow_shadowing=True), []
    for number, entries in enumerate(map(without_unfindable, server)):
        registered(core, f"m{number}", entries)
        modules.append((f"m{number}", entries))

    for name in NAMES:
        for count in COUNTS:
            for flags in FLAGS[1:]:
                found = scan(modules, name, count, flags)
                if found is not None:
                    action = core.bind(name, *["x"] * count, route=flags)
                    assert (found[0], found[1]) == (action.module, action.export)
                    assert found[1] is action.export


@given(servers)
@settings(max_examples=2 * settings.default.max_examples)
def test_a_module_is_refused_where_the_script_would_lose_a_command(server):
    """The model: registering it would let the scan for one route find something else than before."""
    core, modules = Registry(), []
    for number, entries in enumerate(map(without_unfindable, server)):
        grown = [*modules, (f"m{number}", entries)]
        loses = any(
            scan(modules, name, count, route) not in (None, scan(grown, name, count, route))
            for name in NAMES
            for count in (0, 1, 2)
            for route in (1, 2)
        )
        if loses:
            with pytest.raises(ShadowedCommandError) as caught:
                registered(core, f"m{number}", entries)
            error = caught.value
            found = [scan(modules, error.command, error.param_no, route) for route in (1, 2)]
            assert f"m{number}" == error.module
            assert error.existing_module in {pair[0] for pair in found if pair is not None}
        else:
            registered(core, f"m{number}", entries)
            modules = grown

        assert_agreement(core, modules)
        assert [name for name, _ in modules] == [module.name for module in core]

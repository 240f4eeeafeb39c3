"""The module maxfwd of the example alone: no server, no socket, no other module."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from example_server import MODULES

from sermod import REQUEST_ROUTE, FixupError, Lifecycle, Registry


class TestMaxfwd:
    """The module alone: no server, no socket, no other module."""

    @pytest.fixture
    def core(self):
        core = Registry(path=[MODULES])
        core.load("maxfwd")
        return core

    def process(self, core, value, limit="10"):
        action = core.bind("mf_process_maxfwd_header", limit, route=REQUEST_ROUTE)
        msg = SimpleNamespace(max_forwards=value)
        with Lifecycle(core) as life:
            return life.run_route([action], msg), msg.max_forwards

    def test_its_name_is_that_of_its_exports(self, core):
        assert ["maxfwd_module"] == [module.name for module in core]

    @pytest.mark.parametrize(
        ("before", "result", "after"), [(None, 1, 10), (70, 1, 69), (1, 1, 0), (0, -1, 0), (255, 1, 254)]
    )
    def test_what_it_does(self, core, before, result, after):
        """It adds the header, or decrements it, and returns false where no hops are left."""
        assert (result, after) == self.process(core, before)

    @pytest.mark.parametrize("limit", ["0", "255", "070"])
    def test_a_limit_in_the_range(self, core, limit):
        assert (1, int(limit)) == self.process(core, None, limit)

    @pytest.mark.parametrize("limit", ["256", "-1", "1.5", "ten", "", " 10", "\uff11\uff10", "1_0"])
    def test_another_limit_is_refused(self, core, limit):
        with pytest.raises(FixupError, match="from 0 to 255") as caught:
            self.process(core, None, limit)
        assert ("maxfwd_module", 1, limit) == (caught.value.module, caught.value.param_no, caught.value.value)

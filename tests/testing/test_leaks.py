"""The checks of what a module leaves behind, and of what its children share."""

from __future__ import annotations

from making import make_exports

from sermod.testing import Setup, Verdict
from sermod.testing.checks.behaviour import children_share_nothing
from sermod.testing.checks.suite import _result


def result_of(check, target):
    """Return the result of one check alone."""
    return _result(check, Setup(target), None)


class TestSharedFiles:
    """Children share a file that the main process has opened for them, not one that each of them opens."""

    def test_each_child_opens_it(self, tmp_path):
        kept = []
        exports = make_exports("broken", init_child_f=lambda rank: kept.append((tmp_path / "log").open("w")))

        assert Verdict.PASSED == result_of(children_share_nothing, exports).verdict

    def test_the_main_process_opens_it(self, tmp_path):
        kept = []
        exports = make_exports("broken", init_f=lambda: kept.append((tmp_path / "log").open("w")))
        found = result_of(children_share_nothing, exports)

        assert Verdict.FAILED == found.verdict
        assert f"two children share the open file {tmp_path / 'log'}, and" in found.message

    def test_each_child_closes_what_the_main_process_has_opened(self, tmp_path):
        kept = []
        exports = make_exports(
            "broken",
            init_f=lambda: kept.append((tmp_path / "log").open("w")),
            init_child_f=lambda rank: kept.pop().close(),
        )

        assert Verdict.PASSED == result_of(children_share_nothing, exports).verdict

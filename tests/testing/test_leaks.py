"""The checks of what a module leaves behind, and of what its children share."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from making import make_exports
from sources import write_lines

from sermod.testing import Setup, Verdict
from sermod.testing.checks import resources
from sermod.testing.checks.behaviour import children_share_nothing, destroy_cleans_up
from sermod.testing.checks.resources import Resources
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


class TestLeft:
    """What is left or changed is named so that its author finds it."""

    def test_a_process(self):
        kept = []
        exports = make_exports("broken", init_f=lambda: kept.append(subprocess.Popen(["cat"], stdin=subprocess.PIPE)))
        found = result_of(destroy_cleans_up, exports)

        assert Verdict.FAILED == found.verdict
        assert re.search(r"after destroy_f there is still .*\bthe process \d+ \(cat\); undo in", found.message)

    def test_a_process_that_was_not_waited_for(self):
        """It has ended, at the latest soon after ``destroy_f``."""
        kept = []
        exports = make_exports(
            "broken",
            init_f=lambda: kept.append(subprocess.Popen(["sleep", "0.1"])),
            destroy_f=lambda: None,
        )

        assert Verdict.PASSED == result_of(destroy_cleans_up, exports).verdict

    def test_a_process_that_has_ended_before(self):
        def init():
            pid = os.fork()
            if pid == 0:
                os._exit(0)
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

        assert Verdict.PASSED == result_of(destroy_cleans_up, make_exports("broken", init_f=init)).verdict

    def test_a_system_that_does_not_show_processes(self, monkeypatch, tmp_path):
        monkeypatch.setattr(resources, "_PROC", tmp_path)

        assert {} == Resources.now().processes

    def test_a_process_that_ends_meanwhile(self, monkeypatch, tmp_path):
        monkeypatch.setattr(resources, "_PROC", tmp_path)
        write_lines(tmp_path / "self/task/1/children", "5 6 7 ")
        for pid, state in ((5, "S"), (7, "Z")):
            write_lines(tmp_path / f"{pid}/stat", f"{pid} (a) name) {state} 1 {pid}")

        assert {5: "a) name"} == Resources.now().processes

    def test_a_changed_working_directory(self, tmp_path):
        exports = make_exports("broken", init_f=lambda: os.chdir(tmp_path))
        text = f"after destroy_f there is still a changed working directory ('{tmp_path}', it was '{Path.cwd()}'); undo"

        assert text in result_of(destroy_cleans_up, exports).message

    def test_a_working_directory_that_is_no_more(self, tmp_path):
        def init():
            os.chdir(tmp_path)
            tmp_path.rmdir()

        found = result_of(destroy_cleans_up, make_exports("broken", init_f=init))

        assert f"still a changed working directory (None, it was '{Path.cwd()}'); undo" in found.message

    def test_a_changed_umask(self):
        def init():
            os.umask(os.umask(0) ^ 0o070)

        before = Resources.now().umask
        found = result_of(destroy_cleans_up, make_exports("broken", init_f=init))

        assert f"still a changed umask ({before ^ 0o070:#05o}, it was {before:#05o}); undo" in found.message

    def test_a_changed_environment(self, monkeypatch):
        monkeypatch.setenv("SERMOD_CHANGED", "secret before")
        monkeypatch.setenv("SERMOD_REMOVED", "secret before")

        def init():
            del os.environ["SERMOD_REMOVED"]
            os.environ.update(SERMOD_CHANGED="secret", SERMOD_NEW="secret")

        found = result_of(destroy_cleans_up, make_exports("broken", init_f=init)).message

        assert "still a changed environment (SERMOD_CHANGED, SERMOD_NEW, SERMOD_REMOVED); undo" in found
        assert "secret" not in found

    def test_what_is_put_back(self, tmp_path):
        kept = []

        def init():
            kept.append((Path.cwd(), os.umask(0)))
            os.chdir(tmp_path)
            os.environ["SERMOD_NEW"] = "x"

        def destroy():
            directory, umask = kept.pop()
            os.chdir(directory)
            os.umask(umask)
            del os.environ["SERMOD_NEW"]

        exports = make_exports("broken", init_f=init, destroy_f=destroy)

        assert Verdict.PASSED == result_of(destroy_cleans_up, exports).verdict

"""The errors of the configuration file of the example server, and those that keep it from starting."""

from __future__ import annotations

import pytest
from example_server import CONFIG, new_socket, run


class TestCheck:
    def test_a_good_configuration(self):
        result = run("--check")
        assert (0, f"{CONFIG}: no errors\n", "") == (result.returncode, result.stdout, result.stderr)

    def test_all_errors_at_once(self, configured):
        """The message has each error, with its place or its name."""
        file = configured(
            """\
modules = ["sl", "maxfwd", "foobar", "nowhere", "broken"]
module_path = [".", "MODULES"]
request_rout = []
[listen]
host = "localhost"
port = 65536
[params.foobar]
foo_baz = 1
foo_bar = "5"
[params.missing]
x = 1
[[request_route]]
call = ["mf_process_maxfwd_header"]
or_else = [["sl_send_replay", "483", "Too Many Hops"], []]
[[request_route]]
call = ["foo_int", "a", "b"]
otherwise = []
[[reply_route]]
call = ["foo_req", "a", 5]
[[reply_route]]
call = ["foo_req", "a", "b"]
""",
            broken="1 / 0",
        )
        for result in (run("--check", "--config", file), run("--serve", "--config", file)):
            assert (2, "") == (result.returncode, result.stdout)
            title, *errors = result.stderr.replace("\n    ", " ").splitlines()
            assert f"{file}: {len(errors)} errors" == title
            for number, text in enumerate(
                [
                    "unknown key 'request_rout'",
                    "listen.host: must be an IPv4 address, in quotes (got 'localhost')",
                    "listen.port: must be a number from 0 to 65535 (got 65536)",
                    "test.toml:13: a call must have the name of a command, then its parameters",
                    "test.toml:16: the keys are call and or_else (got otherwise)",
                    "test.toml:19: must be a list of strings, in quotes (got ['foo_req', 'a', 5])",
                    "test.toml:modules: there is no module 'nowhere'",
                    "ZeroDivisionError",
                    "test.toml:params.foobar: module 'foobar' has no parameter 'foo_baz'; did you mean 'foo_bar'?",
                    "test.toml:params.foobar: parameter 'foo_bar' of module 'foobar' takes an int",
                    "test.toml:13: command 'mf_process_maxfwd_header' takes 1",
                    "'sl_send_replay'",
                    "test.toml:16: command 'foo_int' is for other modules only",
                    "test.toml:21: command 'foo_req' cannot be used in REPLY_ROUTE",
                    "1 further error: unknown modules and commands",
                ]
            ):
                assert text in errors[number]
            assert 15 == len(errors)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ('modules = ["\n', "at line 1, column 13"),
            ("modules = 'sl'", "modules: must be a list (got 'sl')"),
            ("modules = [1]", "modules: must be a list of strings, in quotes (got [1])"),
            ("params = 1", "params: must be a table (got 1)"),
            ("params.sl = 1", "params.sl: must be a table (got 1)"),
            ("request_route = [{call = []}]", "test.toml:request_route[0]: a call must have the name of a command"),
            ("children = -1", "children: must be a number, 0 or more (got -1)"),
            ("children = true", "children: must be a number, 0 or more (got True)"),
            ("children = '4'", "children: must be a number, 0 or more (got '4')"),
            ("restart = true", "restart: must be a table (got True)"),
            ("restart.max_restarts = 0", "restart: RestartPolicy(max_restarts=...) takes 1 or more"),
            ("restart.within = 'long'", "restart: RestartPolicy(within=...) takes seconds"),
            ("restart.often = 1", "restart: RestartPolicy.__init__() got an unexpected keyword argument 'often'"),
            ("listen.port = true", "listen.port: must be a number from 0 to 65535 (got True)"),
            ("listen.host = 1", "listen.host: must be an IPv4 address, in quotes (got 1)"),
        ],
    )
    def test_one_error(self, configured, text, message):
        result = run("--check", "--config", configured(text))
        assert (2, "") == (result.returncode, result.stdout)
        assert message in result.stderr
        assert "Traceback" not in result.stderr

    @pytest.mark.parametrize("value", ["256", "ten", "-1", ""])
    def test_a_parameter_that_the_fixup_refuses(self, configured, value):
        """The check finds it, and runs no module."""
        file = configured(
            f"""\
modules = ["maxfwd", "agents"]
module_path = ["MODULES"]
[[request_route]]
call = ["mf_process_maxfwd_header", "{value}"]
"""
        )
        result = run("--check", "--config", file)
        assert (2, "") == (result.returncode, result.stdout)
        assert f"limit: takes a whole number from 0 to 255 (got {value!r})" in result.stderr
        assert "test.toml:4" in result.stderr

    def test_a_file_that_is_not_there(self, tmp_path):
        result = run("--check", "--config", tmp_path / "none.toml")
        assert 2 == result.returncode
        assert f"{tmp_path / 'none.toml'}: 1 error\n" in result.stderr


class TestStart:
    def refused(self, file, *options):
        result = run("--serve", "--port", "0", "--config", file, *options)
        assert 1 == result.returncode
        assert "Traceback" not in result.stderr
        return result

    def test_an_invalid_regular_expression(self, configured):
        file = configured("modules = ['agents']\nmodule_path = ['MODULES']\nparams.agents.banned = '('")
        assert "init_f of module 'agents' raised" in self.refused(file).stderr

    def test_a_module_that_another_one_needs(self, configured):
        result = self.refused(configured("modules = ['options']\nmodule_path = ['MODULES']"))
        assert "options: sl_send_reply is missing; load module sl\n" == result.stdout
        assert "init_f of module 'options' returned -1" in result.stderr

    def test_an_address_in_use(self):
        """No module is initialised before the server has its address."""
        with new_socket() as taken:
            port = taken.getsockname()[1]
            result = self.refused(CONFIG, "--port", str(port))
        assert f"cannot listen on 127.0.0.1:{port}: " in result.stderr
        assert "" == result.stdout

    def test_a_port_that_does_not_exist(self):
        assert "65535" in self.refused(CONFIG, "--port", "65536").stderr

    def test_a_module_by_its_path(self, start, configured):
        """A name with a separator is a path, from the directory of the configuration file."""
        source = "from sermod import *\nexports = ModuleExports('by_path', 0, 0, lambda: print('found'))"
        server = start(configured("modules = ['./by_path.py']", by_path=source))
        assert "found" in server.lines

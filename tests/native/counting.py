"""The module of c/counting.c in Python. Its messages are structures with a counter and a text."""

from sermod import (
    INT_PARAM,
    REPLY_ROUTE,
    REQUEST_ROUTE,
    STR_PARAM,
    CmdExport,
    ModuleExports,
    ParamExport,
    pointer_to,
)

limit = 10
prefix = "<"
suffix = None
rank_of_child = -99


def append(msg, text):
    msg.text += text.encode("utf-8", "surrogateescape")


def number(param, param_no):
    return int(param)


def add(msg, amount):
    msg.counter += amount
    return -1 if msg.counter > limit else 1


def tag(msg, param1, param2):
    append(msg, f"{prefix}{param1}{param2}{suffix or '>'}")
    return 1


def rank(msg):
    msg.counter = rank_of_child
    return 1


def stop(msg):
    return 0


def init():
    return -5 if limit < 0 else 0


def response(msg):
    return int(msg.counter <= limit)


def onbreak(msg):
    append(msg, "!")


def init_child(number_of_child):
    global rank_of_child  # noqa: PLW0603 - a module's variable, as C has it
    rank_of_child = number_of_child
    return -6 if number_of_child > 5 else 0


cmds = [
    CmdExport("add", add, 1, number, REQUEST_ROUTE),
    CmdExport("tag", tag, 2, 0, REQUEST_ROUTE | REPLY_ROUTE),
    CmdExport("rank", rank, 0, 0, REQUEST_ROUTE),
    CmdExport("stop", stop, 0, 0, REQUEST_ROUTE),
    CmdExport(0, 0, 0, 0, 0),
]
params = [
    ParamExport("limit", INT_PARAM, pointer_to(globals(), "limit")),
    ParamExport("prefix", STR_PARAM, pointer_to(globals(), "prefix")),
    ParamExport("suffix", STR_PARAM, pointer_to(globals(), "suffix")),
    ParamExport(0, 0, 0),
]
exports = ModuleExports("counting", cmds, params, init, response, 0, onbreak, init_child)

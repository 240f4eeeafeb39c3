"""Programs that can drive a lifecycle, one file for each: they own the processes, and the modules live in them.

A file here imports its program when it is used, not before. What is the same in all of them stands in
:class:`sermod.Lifecycle`: ``init`` once in the main process, ``init_child`` in each other one, ``close`` wherever that
may belong.
"""

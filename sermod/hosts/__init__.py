"""Hosts: what a program needs to drive a lifecycle, one file for each program.

The program owns the processes, and the modules run in them. A file here imports its program when it is used, not
before. What is the same in every host is in :class:`sermod.Lifecycle`: ``init`` once in the main process,
``init_child`` once in each other process, ``close`` wherever a process may end.
"""

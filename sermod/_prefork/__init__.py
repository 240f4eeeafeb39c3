"""A server of forked children: the processes, their supervision, and what they report."""

"""Modules as classes: the base class, its commands, its parameters, their annotations, and descriptions."""

"""What a host drives: the registry with its commands and parameters, the loader, bound calls, and the lifecycle."""

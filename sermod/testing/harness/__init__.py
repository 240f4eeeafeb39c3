"""The harness: one module run alone, in this process or in a child."""

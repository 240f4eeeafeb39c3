"""The checks of whether a module keeps the interface, and the suite that runs them."""

"""The checks whether a module keeps the interface, and the suite of them."""

"""What a module is: the structures, the pointers, the ranks, the signatures, the rules and the look-up."""

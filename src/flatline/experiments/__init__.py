"""Proof: the program is run again with one thing changed, beside a control, and it is said what follows."""

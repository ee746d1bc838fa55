"""One command a file: ``flatline NAME`` is the click command called NAME in the module of that name."""

"""The verdict, the curves and the events of a run, for the tools in which people keep their own; one a file."""

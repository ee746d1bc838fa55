"""Shows a verdict to a person or another program."""

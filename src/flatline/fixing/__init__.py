"""Finds changes of a user's source that cure what is wrong with a run, tries each by running it, and applies them."""

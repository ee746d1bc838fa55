"""The trial's side of an experiment: a process that can read everything and change nothing of the user's."""

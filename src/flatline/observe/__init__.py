"""Observes a training program from inside its process; knows nothing of causes."""

"""Logs that a training left behind: what they show, which causes that leaves, and what would tell them apart."""

"""Keeps what was observed, and reads it back."""

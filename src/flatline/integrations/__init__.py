"""A callback for each framework, in the framework's own form: one file each.

Importing ``flatline`` imports none of them, and none of them imports a framework other than its own.
"""

"""Changes of a program's source that cure a cause: one transformation a file, none of which knows a cause.

A transformation is made with its settings and gives an :data:`~flatline.fixes.source.Edit`: a function of the parsed
source and a line that returns the new text, or None where there is nothing, or more than one thing, to change. All of
them splice: what lies outside the change stays as it is, byte for byte.
"""

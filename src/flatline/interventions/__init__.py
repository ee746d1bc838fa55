"""What a trial changes in the user's program, at the patch points, with no change to a file. One change a file.

An intervention is named by a :class:`flatline.changes.Change`. It runs inside the program, in the process that is
watched, and only there. Whatever it draws comes from generators of its own: the program's random numbers are those of
the untouched program, except where changing them is the point (``seed``).
"""

from __future__ import annotations

from flatline.interventions.base import Interventions

__all__ = ["Interventions"]

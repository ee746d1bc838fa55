"""What every intervention is made of, and how those of a trial are put in place."""

from __future__ import annotations

from abc import ABC
from typing import Any, ClassVar

from flatline.changes import Change
from flatline.discovery import classes
from flatline.interventions.points import Points
from flatline.observe.session import Session

# Draws of an intervention are the same in every trial; the number itself means nothing.
OWN_SEED = 20_011


class Intervention(ABC):
    """One change to the program. A subclass is a file of this package.

    The class docstring says what is changed, at which patch point, and what is left as it is. The constructor takes
    the change's arguments; one that it does not know raises TypeError.

    Attributes:
        name: the name in :class:`flatline.changes.Change`.
    """

    name: ClassVar[str]

    def before_probes(self, points: Points) -> None:  # noqa: B027
        """Patches that lie under the probes: these see what the program gave, and what came of the change."""

    def after_probes(self, points: Points) -> None:  # noqa: B027
        """Patches that lie above the probes: these see the changed program."""


class Interventions:
    """The changes of one trial, in the order in which they are to be made.

    A change that cannot be made, or fails later, is recorded as a failed probe named ``intervention NAME``: the trial
    then says nothing. How often each change was made is recorded as well.

    Raises:
        ValueError: a change has a name that no intervention has.
        TypeError: a change has an argument that its intervention does not take.
    """

    def __init__(self, changes: list[Change], session: Session) -> None:
        known = interventions()
        unknown = sorted({c.name for c in changes} - set(known))
        if unknown:
            raise ValueError(f"there is no intervention {', '.join(unknown)}; there are {', '.join(known)}")
        self._made = [known[change.name](**change.arguments) for change in changes]
        self._points = Points(session)

    def before_probes(self) -> None:
        for made in self._made:
            self._points.attempt(made.name, made.before_probes, self._points)
        self._points.install_below()

    def after_probes(self) -> None:
        for made in self._made:
            self._points.attempt(made.name, made.after_probes, self._points)
        self._points.install_above()

    def remove_above(self) -> None:
        """Takes away what lies above the probes; these are removed next, and then what lies below."""
        self._points.remove_above()

    def remove_below(self) -> None:
        self._points.remove_below()


def interventions() -> dict[str, Any]:
    """Every intervention by name; a file of this package that defines a subclass of Intervention is one."""
    return {intervention.name: intervention for intervention in classes("flatline.interventions", Intervention)}

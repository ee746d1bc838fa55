"""Names for the live objects of the program: parameters, modules, and what passed through them in this step."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar

import torch

from flatline.observe import measure
from flatline.observe.events import ModelSeen, ParameterSeen, TensorFacts
from flatline.observe.session import Session
from flatline.observe.sharding import Gathered, is_sharded

MOST_HELD = 4
T = TypeVar("T")


class Numbered:
    """Gives each live object a number, without keeping it alive; an address that is used again gets a new one."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[weakref.ref[object], int]] = {}
        self._count = 0

    def get(self, item: object) -> int | None:
        found = self._known.get(id(item))
        return found[1] if found is not None and found[0]() is item else None

    def add(self, item: object) -> tuple[int, bool]:
        """The object's number, and whether it is new."""
        number = self.get(item)
        if number is not None:
            return number, False
        number = self._count
        self._count += 1
        self._known[id(item)] = (weakref.ref(item), number)
        return number, True


class Attached(Generic[T]):
    """A value for each live object, by identity: a module of the program's may be hashed by what it holds, or not at all
    while it is being built (torchmetrics)."""

    def __init__(self, session: Session) -> None:
        # By address. How many there are is asked of it at every step.
        self.known: dict[int, tuple[weakref.ref[object], T]] = {}
        # Called by Python when an object goes, inside of a hook or not.
        self._gone = session.spared("registry", self._forget, None)

    def __setitem__(self, item: object, value: T) -> None:
        key = id(item)
        self.known[key] = (weakref.ref(item, lambda gone: self._gone(key, gone)), value)

    def get(self, item: object) -> T | None:
        found = self.known.get(id(item))
        return found[1] if found is not None and found[0]() is item else None

    def __iter__(self) -> Iterator[Any]:
        """The objects that live, in the order in which they came."""
        items: list[Any] = [gone() for gone, _ in list(self.known.values())]
        return iter([item for item in items if item is not None])

    def _forget(self, key: int, gone: weakref.ref[object]) -> None:
        # The address may have been taken by another object meanwhile.
        found = self.known.get(key)
        if found is not None and found[0] is gone:
            del self.known[key]


class Registry:
    """What the probes of one session know of the program's objects."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.parameters = Numbered()
        self.models = Numbered()
        self.optimizers = Numbered()
        self.loaders = Numbered()
        self.built: Attached[int | None] = Attached(session)
        self.loaded: Attached[int | None] = Attached(session)
        # Torch's, and what stands for those of a framework.
        self.live_optimizers: Attached[None] = Attached(session)
        # What passed through top-level modules since the last backward, on sampled steps only. Few, because a tensor
        # held here holds its graph: a program may go through its data without ever calling backward.
        self.inputs: deque[torch.Tensor] = deque(maxlen=MOST_HELD)
        self.outputs: deque[torch.Tensor] = deque(maxlen=MOST_HELD)
        # Whether a criterion was called since the last backward.
        self.criterion_called = False
        # Whether the last backward was counted as a step, since no optimizer was known.
        self.counted_by_hand = False
        # The output that was summarised last, and the count of changes made to it until then.
        self._summarised: tuple[weakref.ref[torch.Tensor], int, TensorFacts] | None = None
        self._named: set[int] = set()
        self._gathered = Gathered()

    def clear_step(self) -> None:
        self.inputs.clear()
        self.outputs.clear()

    def parameter(
        self, parameter: torch.Tensor, name: str = "", owner: object | None = None, registered: bool = True
    ) -> int:
        if self.parameters.get(parameter) is None:
            parameter = self._gathered.owner(parameter)
        number, new = self.parameters.add(parameter)
        if new or (name and number not in self._named):
            if name:
                self._named.add(number)
            self.session.emit(
                ParameterSeen(
                    number,
                    name,
                    list(parameter.shape),
                    str(parameter.dtype).removeprefix("torch."),
                    parameter.requires_grad,
                    type(owner).__name__ if owner is not None else "",
                    self.built.get(owner) if owner is not None else None,
                    registered,
                    is_sharded(parameter),
                )
            )
        return number

    def facts(self, tensor: torch.Tensor) -> TensorFacts:
        """A summary without counts; a module's output goes into the criterion as it is, and is not summarised again."""
        version = -1 if tensor.is_inference() else tensor._version
        if self._summarised is not None:
            summarised, known, facts = self._summarised
            if summarised() is tensor and known == version >= 0:
                return facts
        facts = measure.facts(tensor, with_counts=False)
        self._summarised = weakref.ref(tensor), version, facts
        return facts

    def model(self, module: torch.nn.Module) -> int:
        """The number of a top-level module; its parts and parameters are announced the first time."""
        number, new = self.models.add(module)
        if new:
            self._gathered.add(module)
            parts: list[tuple[str, str, int | None]] = []
            parameters: list[int] = []
            for path, part in module.named_modules():
                if len(parts) < 2_000:
                    parts.append((path, type(part).__name__, self.built.get(part)))
                for name, parameter in part.named_parameters(recurse=False):
                    parameters.append(self.parameter(parameter, f"{path}.{name}" if path else name, part))
            self.session.emit(
                ModelSeen(
                    self.session.now(),
                    number,
                    type(module).__name__,
                    self.built.get(module),
                    parts,
                    parameters,
                    self.loaded.get(module),
                )
            )
        return number

    def owned(self) -> Iterable[torch.Tensor]:
        """Every parameter that some living optimizer holds."""
        for optimizer in self.live_optimizers:
            for group in optimizer.param_groups:
                yield from group["params"]

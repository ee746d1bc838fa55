"""Models, their parameters, their calls, and the autograd graph between them and the loss."""

from __future__ import annotations

import msgspec

from flatline.observe.events.base import Record, TensorFacts


class ModelSeen(Record):
    """A module that the program called at top level, its parts and its parameters."""

    tick: int
    number: int
    name: str
    place: int | None
    parts: list[tuple[str, str, int | None]]
    parameters: list[int]
    loaded: int | None = None


class ParameterSeen(Record):
    """``owner`` is the module class holding it; ``place`` where that module was built.

    ``sharded``: a DTensor, of which this process holds a part; what is measured of it is of that part.
    """

    number: int
    name: str
    shape: list[int]
    dtype: str
    requires_grad: bool
    owner: str
    place: int | None
    registered: bool = True
    sharded: bool = False


class Forward(Record):
    """One call of a top-level module on a sampled step. ``called`` lists its parameters' numbers that took part,
    ``modes`` the kinds of modules called whose mode matters, as ``BatchNorm2d train`` or ``Dropout eval``."""

    tick: int
    step: int
    model: int
    training: bool
    gradient: bool
    place: int | None
    inputs: list[TensorFacts]
    outputs: list[TensorFacts]
    called: list[int]
    without_gradient: list[int] = []
    modes: list[str] = []


class ModeSlip(Record):
    """A functional dropout that dropped inside a module in evaluation mode."""

    tick: int
    step: int
    place: int | None
    operation: str


class SequenceLayer(Record):
    """A call of a recurrent or attention layer of torch's: it runs along dimension ``axis`` (0 or 1) of what it was given,
    of that ``shape``, and keeps apart what stands along the other.

    ``given`` is the shape of the model's input. Where the layer was given that same memory in whatever layout, ``owners``
    says to which rows of it the steps of one sequence belong (of the middle one, at most 64 steps). ``place`` is where the
    layer was built.
    """

    tick: int
    step: int
    model: int
    kind: str
    axis: int
    shape: list[int]
    given: list[int]
    owners: list[int]
    place: int | None


class Activation(msgspec.Struct, array_like=True):
    """One activation met in the autograd graph between the loss and the parameters.

    ``kind`` is relu, sigmoid, tanh, softmax, log_softmax or another name; ``depth`` counts activations from the loss;
    ``saturated`` is the share of units at a rail (|tanh| or |2·sigmoid-1| above 0.99; relu exactly 0); ``dead`` the
    share of units at the rail for every sample of the batch.
    """

    kind: str
    shape: list[int]
    depth: int
    saturated: float
    dead: float
    minimum: float
    maximum: float
    dimension: int | None = None


class Backward(Record):
    """One call of ``backward`` on a sampled step: the graph behind the optimised scalar.

    ``head`` names the nodes nearest the loss, ``reached`` the parameters at the graph's leaves, ``unreached`` those that
    an optimizer holds and the graph does not. ``stale``: the first backward after a step found gradients that were not
    cleared. ``elements``: how many numbers the outermost mean or sum was over (-1: the loss is neither). ``outer``: the
    shapes of what has a gradient in a difference near the loss and of that difference, where broadcasting made it larger.
    ``advantages``: the least and the greatest constant that an exponential near the loss is multiplied by, as a ratio of
    probabilities is in policy gradients; empty where there is none.
    """

    tick: int
    step: int
    place: int | None
    value: float | None
    shape: list[int]
    requires_grad: bool
    head: list[str]
    activations: list[Activation]
    reached: list[int]
    unreached: list[int]
    nodes: int
    terms: int
    expression: str = ""
    stale: bool = False
    elements: int = -1
    outer: list[list[int]] = []
    advantages: list[float] = []


class Cut(Record):
    """The autograd graph was left: detach, argmax, numpy, item, no_grad … on a tensor that had gradients."""

    tick: int
    step: int
    operation: str
    place: int | None
    above: list[int]
    value: float | None = None


class Signal(Record):
    """What of the gradient arrives at hidden activations: by ``depths``, counted in activations from the loss, the
    gradient's norm there and the spread of the activation over the batch (NaN when it was not saved)."""

    tick: int
    step: int
    depths: list[int]
    gradients: list[float]
    spreads: list[float]

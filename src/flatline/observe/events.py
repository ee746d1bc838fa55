"""What the probes say: one small record per fact, in the order in which the facts occurred.

Every record carries ``tick``, a number that grows by one with every observation of the process, so that what was
printed, drawn and optimised can be put back in order; and ``step``, the number of optimizer steps completed so far.
Records know nothing of causes.
"""

from __future__ import annotations

from typing import Any, Union

import msgspec

NAN = float("nan")


class Record(msgspec.Struct, array_like=True, tag=True):
    """Base of all records; encoded as ``[type, field, field, …]``."""


class Place(Record):
    """A line of the user's own code.

    ``number`` is what other records refer to. ``line`` counts from 1.
    """

    number: int
    file: str
    line: int
    function: str
    end_line: int = 0


class Source(Record):
    """The text of one of the user's files as it was when a line of it was first seen."""

    file: str
    text: str


class RunStarted(Record):
    """``process`` is the program's process id on the machine ``host``: whether it still runs can be asked there."""

    argv: list[str]
    directory: str
    versions: dict[str, str]
    started: float
    rank: int = 0
    seed: int | None = None
    process: int = 0
    host: str = ""
    check: bool = False
    # The interpreter with its options, and whether the program was named as a module: to start it again.
    python: list[str] = []
    module: bool = False
    # Of processes that a starter such as torchrun started: how many there are, on all machines; else 0.
    world: int = 0


class RunEnded(Record):
    tick: int
    step: int
    exception: str | None
    message: str | None
    place: int | None


class ProbeFailed(Record):
    """A fault of flatline's own that was kept from the user's program."""

    probe: str
    message: str


class Cost(Record):
    """Seconds that flatline took, and seconds since the run started; ``budget`` is the share that it may take."""

    probes: float
    total: float
    budget: float = 0.0


class Series(Record):
    """Announces a stream of numbers: the loss that ``backward`` ran on, or one criterion's output.

    ``kind`` is ``optimised``, ``criterion`` or ``evaluation`` (a criterion called without gradients).
    """

    number: int
    kind: str
    name: str
    place: int | None
    reduction: str = ""


class Points(Record):
    """Values of a series: ``ticks`` and ``steps`` int64, ``values`` float64, ``sizes`` int64 (samples), as bytes."""

    series: int
    ticks: bytes
    steps: bytes
    values: bytes
    sizes: bytes


class TensorFacts(msgspec.Struct, array_like=True):
    """A summary of one tensor. Numbers are over its finite elements; nothing here is sample data.

    ``rows``: for floating tensors of two or more dimensions, the least and greatest sum along the class dimension
    (dim 1) and along the batch dimension (dim 0). ``spread``: mean over features of the standard deviation across
    the batch (0 when every sample is the same). ``counts``: for integer and boolean tensors and for floating ones
    with few values, how often each value occurs (at most 64 values; empty when there are more).
    """

    shape: list[int]
    dtype: str
    device: str = "cpu"
    requires_grad: bool = False
    minimum: float = NAN
    maximum: float = NAN
    mean: float = NAN
    deviation: float = NAN
    non_finite: int = 0
    zeros: int = 0
    rows: list[float] = []
    spread: float = NAN
    counts: dict[str, int] = {}
    origin: str = ""
    first_non_finite: list[int] = []

    @property
    def elements(self) -> int:
        total = 1
        for size in self.shape:
            total *= size
        return total


class CriterionCall(Record):
    """One call of a loss function, measured.

    ``place`` is the user's line that called it, ``built`` the line that made its module. ``result`` summarises a
    value that is not one number. ``exp_rows`` is the least and greatest sum over classes of exp(input), for
    ``nll_loss``: 1 for log-probabilities. ``error`` is set when the call raised.
    """

    tick: int
    step: int
    series: int
    name: str
    place: int | None
    gradient: bool
    reduction: str
    input: TensorFacts | None
    target: TensorFacts | None
    value: float | None
    value_shape: list[int]
    options: dict[str, Any]
    valid_targets: int = -1
    classes: int = -1
    correct: int = -1
    built: int | None = None
    names: list[str] = []
    result: TensorFacts | None = None
    exp_rows: list[float] = []
    error: str | None = None


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


class ParameterFacts(msgspec.Struct, array_like=True):
    """A parameter around one optimizer step. Norms are Euclidean; ``moved`` is bitwise."""

    parameter: int
    gradient: float
    weight: float
    update: float
    moved: bool
    has_gradient: bool
    non_finite_gradient: bool = False
    non_finite_weight: bool = False


class Update(Record):
    """One optimizer step on a sampled step. ``stale``: its gradients were not cleared since its step before."""

    tick: int
    step: int
    optimizer: int
    parameters: list[ParameterFacts]
    stale: bool = False


class OptimizerSeen(Record):
    number: int
    name: str
    place: int | None
    options: dict[str, Any]
    parameters: list[int]
    tick: int = 0


class LearningRate(Record):
    """The learning rate of each parameter group, recorded when it changes."""

    tick: int
    step: int
    optimizer: int
    rates: list[float]
    momenta: list[float]


class StepCount(Record):
    """How often each optimizer stepped, and how often its gradients were cleared, so far."""

    tick: int
    step: int
    optimizer: int
    steps: int
    clears: int
    backwards: int


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


class Cut(Record):
    """The autograd graph was left: detach, argmax, numpy, item, no_grad … on a tensor that had gradients."""

    tick: int
    step: int
    operation: str
    place: int | None
    above: list[int]
    value: float | None = None


class ParametersWritten(Record):
    """Weights were written by hand before the first optimizer step (``copy_``, ``load_state_dict`` …)."""

    tick: int
    step: int
    operation: str
    place: int | None


class LoaderSeen(Record):
    number: int
    place: int | None
    length: int
    batch_size: int
    drop_last: bool
    shuffle: bool
    samples: int
    iterable: bool = False
    workers: int = 0
    # The class that orders the samples; of a DistributedSampler, over how many processes it divides them (else 0), and
    # whether it shuffles.
    sampler: str = ""
    divided: int = 0
    reshuffles: bool = False


class RowKeys(Record):
    """The rows of one batch of a loader's first pass: 8 bytes a row, equal for equal rows of the first tensor [N, …]."""

    step: int
    loader: int
    data: bytes


class EpochStarted(Record):
    """``seed_epoch``: the epoch by which a DistributedSampler orders this pass, as set by ``set_epoch``; else -1."""

    tick: int
    step: int
    loader: int
    place: int | None
    seed_epoch: int = -1


class EpochEnded(Record):
    tick: int
    step: int
    loader: int
    batches: int
    samples: int
    exhausted: bool


class Printed(Record):
    """Text that the program wrote, one line of it."""

    tick: int
    step: int
    place: int | None
    stream: str
    text: str
    exhausted: list[str] = []


class NonFinite(Record):
    """The first operation, in forward order, at which a number behind a NaN or infinite scalar went wrong.

    ``saved`` names the tensor that the operation saved (``result``, ``self``, ``mat1`` …; empty when only the scalar
    itself shows it), ``nan``, ``positive``, ``negative`` and ``zeros`` count its elements that are NaN, an infinity or
    0, ``first`` is the index of the first of them. ``data``: it is an input to which no operation before contributed.
    ``largest`` is the greatest magnitude met before, ``before`` the operations that made it, ``parameters`` the
    weights that were not finite themselves.
    """

    tick: int
    step: int
    place: int | None
    operation: str
    saved: str
    dtype: str
    shape: list[int]
    nan: int = 0
    positive: int = 0
    negative: int = 0
    zeros: int = 0
    first: list[int] = []
    largest: float = 0.0
    data: bool = False
    before: list[str] = []
    parameters: list[int] = []


class Singular(Record):
    """An operation at a point where its gradient is infinite: ``zeros`` elements under a root, log or fraction bar."""

    tick: int
    step: int
    operation: str
    shape: list[int]
    dtype: str
    zeros: int


class HalfOverflow(Record):
    """A 16-bit tensor without a gradient held ``infinite`` elements of +inf when ``operation`` was called on it."""

    tick: int
    step: int
    place: int | None
    operation: str
    dtype: str
    shape: list[int]
    infinite: int


class Exchanged(Record):
    """A sum over processes: whether it was finite before, in this process, and after. The first one, and bad ones."""

    tick: int
    step: int
    place: int | None
    operation: str
    dtype: str
    elements: int
    finite_before: bool
    finite_after: bool
    world: int


class WeightSample(Record):
    """Weights before a step, in a process group: of each of ``parameters`` the first ``counts`` of up to four evenly
    spaced elements, one after the other; ``data`` is float32 bytes."""

    tick: int
    step: int
    optimizer: int
    parameters: list[int]
    counts: list[int]
    data: bytes


class Collective(Record):
    """A call of ``torch.distributed`` that moves tensors between processes: of each operation the first, every one with
    more than twice as many ``elements`` as before (both anew after the first step), and, after the first step, the first
    on a weight itself (``weights``)."""

    tick: int
    step: int
    place: int | None
    operation: str
    elements: int
    weights: bool
    world: int


class Exited(Record):
    """Written by the parent when the program is gone: its status as ``subprocess`` gives it, and the clock's time."""

    status: int
    time: float


class LossScale(Record):
    """One ``GradScaler.step``. ``skipped``: the optimizer did not step, because gradients were not finite.

    ``place`` is where the scaler was made; ``attempts`` and ``skips`` count so far; ``non_finite`` lists the parameters
    with such a gradient, ``nan`` whether one of them is NaN, which no smaller scale cures.
    """

    tick: int
    step: int
    place: int | None
    scale: float
    skipped: bool
    attempts: int
    skips: int
    non_finite: list[int] = []
    nan: bool = False


class Sample(Record):
    """Rows of a tensor kept for statistics: ``role`` is input, output or target; ``data`` float32 or int64 bytes."""

    tick: int
    step: int
    role: str
    name: str
    dtype: str
    shape: list[int]
    data: bytes
    gradient: bool = True


class Visible(Record):
    """Which positions of a sequence of tokens the model's output at ``position`` depends on, read from gradients."""

    tick: int
    step: int
    length: int
    position: int
    seen: list[int]


class Code(Record):
    """A Gaussian code in the loss: each dimension's divergence from the standard normal in nats (mean over the
    batch), and the variance over the batch of its mean."""

    tick: int
    step: int
    divergence: list[float]
    spread: list[float]


class LossMask(Record):
    """Which single losses a mask of the program's own leaves in: 1 in, 0 out; ``data`` is uint8 bytes."""

    tick: int
    step: int
    shape: list[int]
    data: bytes


class ClassAxes(Record):
    """Along which dimension of a tensor of that ``shape`` the loss picks the right class, and along which its scores
    are normalised; ``how`` says what picks."""

    tick: int
    step: int
    picked: int
    normalised: int
    shape: list[int]
    how: str


class Signal(Record):
    """What of the gradient arrives at hidden activations: by ``depths``, counted in activations from the loss, the
    gradient's norm there and the spread of the activation over the batch (NaN when it was not saved)."""

    tick: int
    step: int
    depths: list[int]
    gradients: list[float]
    spreads: list[float]


class Alike(Record):
    """A weight whose slices along the first (``rows``) or second dimension were equal before the first update: how far
    they differ now, as a share of the largest weight (1 where there is one slice only)."""

    tick: int
    step: int
    parameter: int
    shape: list[int]
    rows: float
    columns: float


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


class Intervened(Record):
    """A change that a trial made to the program, and how often it was made so far."""

    tick: int
    step: int
    name: str
    times: int


class Remembered(Record):
    """How much better than a guess a model knows random labels of ``sources`` of evaluated rows: ``nats`` in all, so far in
    this pass; negative for worse."""

    tick: int
    step: int
    sources: int
    nats: float


class StoppedBeforeUpdate(Record):
    """``flatline check`` ended the program here: ``operation`` was about to change weights for the first time.

    ``parameters`` are those that it would have changed; ``optimizer`` is -1 for an update written by hand. ``after``:
    the update makes new tensors, which is seen only once it has happened.
    """

    tick: int
    step: int
    place: int | None
    operation: str
    optimizer: int = -1
    parameters: list[int] = []
    after: bool = False


class Checked(Record):
    """The outcome of one check before training: ``passed``, ``failed``, ``expected`` (it shows, and is meant to) or
    ``undone`` with the reason; ``text`` says it in one sentence, ``numbers`` are what it measured."""

    tick: int
    step: int
    name: str
    outcome: str
    text: str
    numbers: dict[str, float] = {}
    parameters: list[int] = []
    modules: list[str] = []


Event = Union[
    Place,
    Source,
    RunStarted,
    RunEnded,
    ProbeFailed,
    Cost,
    RowKeys,
    Series,
    Points,
    CriterionCall,
    Backward,
    Update,
    OptimizerSeen,
    LearningRate,
    StepCount,
    ModelSeen,
    ParameterSeen,
    Forward,
    Cut,
    ParametersWritten,
    LoaderSeen,
    EpochStarted,
    EpochEnded,
    Printed,
    Sample,
    NonFinite,
    Singular,
    HalfOverflow,
    LossScale,
    Exchanged,
    WeightSample,
    Collective,
    Exited,
    Visible,
    Code,
    LossMask,
    ClassAxes,
    Signal,
    Alike,
    ModeSlip,
    SequenceLayer,
    Intervened,
    Remembered,
    StoppedBeforeUpdate,
    Checked,
]

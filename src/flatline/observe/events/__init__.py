"""What the probes say: one small record per fact, in the order in which the facts occurred.

Every record carries ``tick``, a number that grows by one with every observation of the process, so that what was
printed, drawn and optimised can be put back in order; and ``step``, the number of optimizer steps completed so far.
Records know nothing of causes.
"""

from __future__ import annotations

from typing import Union

from flatline.observe.events.base import Record, TensorFacts
from flatline.observe.events.checks import Checked, StoppedBeforeUpdate
from flatline.observe.events.data import EpochEnded, EpochStarted, LoaderSeen, Remembered, RowKeys, Sample
from flatline.observe.events.losses import ClassAxes, Code, CriterionCall, LossMask, Points, Series, Visible
from flatline.observe.events.models import (
    Activation,
    Backward,
    Cut,
    Forward,
    ModelSeen,
    ModeSlip,
    ParameterSeen,
    SequenceLayer,
    Signal,
)
from flatline.observe.events.numbers import HalfOverflow, NonFinite, Singular
from flatline.observe.events.processes import Collective, Exchanged, WeightSample
from flatline.observe.events.run import (
    Cost,
    Exited,
    Intervened,
    Place,
    Printed,
    ProbeFailed,
    RunEnded,
    RunStarted,
    Source,
)
from flatline.observe.events.updates import (
    Alike,
    LearningRate,
    LossScale,
    OptimizerSeen,
    ParameterFacts,
    ParametersWritten,
    StepCount,
    Update,
)

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

__all__ = [
    "Activation",
    "Alike",
    "Backward",
    "Checked",
    "ClassAxes",
    "Code",
    "Collective",
    "Cost",
    "CriterionCall",
    "Cut",
    "EpochEnded",
    "EpochStarted",
    "Event",
    "Exchanged",
    "Exited",
    "Forward",
    "HalfOverflow",
    "Intervened",
    "LearningRate",
    "LoaderSeen",
    "LossMask",
    "LossScale",
    "ModeSlip",
    "ModelSeen",
    "NonFinite",
    "OptimizerSeen",
    "ParameterFacts",
    "ParameterSeen",
    "ParametersWritten",
    "Place",
    "Points",
    "Printed",
    "ProbeFailed",
    "Record",
    "Remembered",
    "RowKeys",
    "RunEnded",
    "RunStarted",
    "Sample",
    "Series",
    "Signal",
    "Singular",
    "Source",
    "StepCount",
    "StoppedBeforeUpdate",
    "TensorFacts",
    "Update",
    "Visible",
    "WeightSample",
]

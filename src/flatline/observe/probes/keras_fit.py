"""``Model.fit`` of Keras where it trains with JAX or TensorFlow: its loss, its metrics' losses, its data.

What happens inside a step is compiled there and cannot be seen: no gradients, no activations, no weights between epochs.
The loss of a batch is computed from the mean over the epoch so far, which is all that Keras hands out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from flatline.observe import keras_facts
from flatline.observe.events import (
    CriterionCall,
    EpochEnded,
    EpochStarted,
    LearningRate,
    LoaderSeen,
    OptimizerSeen,
    RunStarted,
    Sample,
    StepCount,
    TensorFacts,
)
from flatline.observe.patching import Patches, unseen
from flatline.observe.session import Session

NAN = float("nan")


class _Fit:
    """One call of ``fit``: which model on which data, how far, and the mean of the loss so far."""

    def __init__(self, model: Any, x: Any, y: Any, batch_size: int, place: int | None, number: int) -> None:
        self.model = model
        self.x, self.y = x, y
        self.batch_size = batch_size
        self.place = place
        self.number = number
        self.batches = 0
        self.samples = 0
        # Rows whose losses are known, and the sum of these losses over them.
        self.seen = 0
        self.total = 0.0
        self.waiting: tuple[int, int, int, Any] | None = None
        self.described = False


class KerasFit:
    """Observes ``fit`` and the events that it sends to its list of callbacks; no callback of ours is in that list."""

    def __init__(self, session: Session, started: RunStarted) -> None:
        self._session = session
        self._started = started
        self._fit: _Fit | None = None
        self._fits = 0
        self._samples = 0
        self._optimizers: dict[int, tuple[Any, int]] = {}
        self._places: dict[int, int | None] = {}
        self._steps: dict[int, int] = {}
        self._rates: dict[int, float] = {}
        guarded = session.guarded
        self._begun = guarded("keras", self._observe_fit)
        self._made = guarded("keras", self._observe_made)
        self._epoch_begun = guarded("keras", self._observe_epoch)
        self._batch = guarded("keras", self._observe_batch)
        self._epoch_ended = guarded("keras", self._observe_epoch_end)
        session.before_flush.append(session.spared("keras", self._counts, None))

    def install(self, patches: Patches) -> None:
        keras = sys.modules.get("keras.src") or sys.modules["keras"]
        self._started.versions["keras"] = f"{keras_facts.version()} on {sys.modules['keras.src.backend'].backend()}"
        self._session.emit(self._started)
        for name in ("jax", "tensorflow"):
            module = sys.modules.get(f"keras.src.backend.{name}.trainer")
            trainer = getattr(module, "JAXTrainer" if name == "jax" else "TensorFlowTrainer", None)
            if trainer is not None:
                patches.replace(trainer, "fit", self._make_fit)
        callbacks = sys.modules["keras.src.callbacks.callback_list"].CallbackList
        patches.replace(callbacks, "on_epoch_begin", lambda original: self._event(original, self._epoch_begun))
        patches.replace(callbacks, "on_train_batch_end", lambda original: self._event(original, self._batch))
        patches.replace(callbacks, "on_epoch_end", lambda original: self._event(original, self._epoch_ended))
        optimizers = sys.modules.get("keras.src.optimizers.base_optimizer")
        if optimizers is not None and keras is not None:
            patches.replace(optimizers.BaseOptimizer, "__init__", self._make_init)

    def _make_fit(self, original: Callable[..., Any]) -> Callable[..., Any]:
        begun = self._begun

        def fit(self: Any, *args: Any, **kwargs: Any) -> Any:
            begun(self, args, kwargs, sys._getframe().f_back)
            return original(self, *args, **kwargs)

        return unseen(fit, original)

    def _make_init(self, original: Callable[..., None]) -> Callable[..., None]:
        made = self._made

        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
            original(self, *args, **kwargs)
            made(self, sys._getframe().f_back)

        return unseen(__init__, original)

    @staticmethod
    def _event(original: Callable[..., Any], tell: Callable[..., None]) -> Callable[..., Any]:
        def event(self: Any, number: Any, logs: Any = None) -> Any:
            # Before the callbacks: a progress bar prints the loss that is recorded here.
            tell(self, number, logs)
            return original(self, number, logs)

        return unseen(event, original)

    # events ----------------------------------------------------------------------------------------------------

    def _observe_made(self, optimizer: Any, frame: Any) -> None:
        self._places[id(optimizer)] = self._session.locator.here(frame)

    def _observe_fit(self, model: Any, args: Any, kwargs: Any, frame: Any) -> None:
        given = {**dict(zip(("x", "y", "batch_size"), args)), **kwargs}
        place = self._session.locator.here(frame)
        size = given.get("batch_size") or 32
        fit = self._fit = _Fit(model, given.get("x"), given.get("y"), int(size), place, self._fits)
        self._fits += 1
        rows = getattr(fit.x, "shape", (0,))[0] if hasattr(fit.x, "shape") and len(fit.x.shape) else 0
        held_out = float(given.get("validation_split") or 0.0)
        rows = int(rows * (1 - held_out)) if given.get("validation_data") is None else int(rows)
        length = -(-rows // fit.batch_size) if rows else -1
        self._session.emit(
            LoaderSeen(fit.number, place, length, fit.batch_size, False, bool(given.get("shuffle", True)), rows or -1)
        )
        self._samples = rows

    def _observe_epoch(self, callbacks: Any, epoch: Any, logs: Any) -> None:
        fit, session = self._fit, self._session
        if fit is None:
            return
        fit.batches = fit.samples = fit.seen = 0
        fit.total = 0.0
        session.emit(EpochStarted(session.now(), session.step, fit.number, fit.place))
        self._optimizer(fit)

    def _observe_batch(self, callbacks: Any, batch: Any, logs: Any) -> None:
        fit, session = self._fit, self._session
        loss = logs.get("loss") if isinstance(logs, dict) else None
        if fit is None or loss is None:
            return
        done = int(batch) + 1
        rows = min(done * fit.batch_size, self._samples) if self._samples else done * fit.batch_size
        self._settle(fit)
        # Read when the next batch is done: reading it now would make the program wait for it.
        fit.waiting = (session.now(), done - fit.batches, rows - fit.samples, loss)
        fit.batches, fit.samples = done, rows
        if session.step < 2:
            self._settle(fit)
        session.flush()

    def _observe_epoch_end(self, callbacks: Any, epoch: Any, logs: Any) -> None:
        fit, session = self._fit, self._session
        if fit is None:
            return
        self._settle(fit)
        session.emit(EpochEnded(session.now(), session.step, fit.number, fit.batches, fit.samples, True))
        held_out = logs.get("val_loss") if isinstance(logs, dict) else None
        if held_out is not None:
            name, _ = keras_facts.criterion(fit.model)
            session.numbers("evaluation", name, fit.place, "mean").add(
                session.now(), session.step, float(held_out), fit.batch_size
            )
        session.flush()

    # records ---------------------------------------------------------------------------------------------------

    def _settle(self, fit: _Fit) -> None:
        """Writes down the loss of the batch that was held back: the difference of two means, each times its rows."""
        if fit.waiting is None:
            return
        tick, steps, rows, mean = fit.waiting
        fit.waiting = None
        session = self._session
        total = float(mean) * (fit.seen + rows)
        value = (total - fit.total) / rows if rows else NAN
        # A loss that never differs from its mean is that mean: rounding would make it one that varies.
        if abs(value - float(mean)) <= 2e-6 * abs(float(mean)):
            value = float(mean)
        fit.seen, fit.total = fit.seen + rows, total
        name, options = keras_facts.criterion(fit.model)
        series = session.numbers("criterion", name, fit.place, "mean")
        series.add(tick, session.step, value, rows)
        session.numbers("optimised", "loss", fit.place).add(tick, session.step, value, rows)
        session.last_loss = value
        if not fit.described:
            fit.described = True
            self._describe(fit, tick, series.number, name, options, value)
        session.step += steps
        session.backwards += steps
        number = self._optimizers.get(id(getattr(fit.model, "optimizer", None)), (None, 0))[1]
        self._steps[number] = self._steps.get(number, 0) + steps

    def _optimizer(self, fit: _Fit) -> None:
        optimizer, session = getattr(fit.model, "optimizer", None), self._session
        if optimizer is None:
            return
        rate = float(optimizer.learning_rate)
        momentum = getattr(optimizer, "momentum", getattr(optimizer, "beta_1", 0.0)) or 0.0
        if id(optimizer) not in self._optimizers:
            number = len(self._optimizers)
            # Held, so that no other optimizer gets its address.
            self._optimizers[id(optimizer)] = (optimizer, number)
            place = self._places.get(id(optimizer), fit.place)
            options = {"lr": rate, "momentum": float(momentum)}
            session.emit(OptimizerSeen(number, type(optimizer).__name__, place, options, [], session.now()))
        number = self._optimizers[id(optimizer)][1]
        if self._rates.get(number) != rate:
            self._rates[number] = rate
            session.emit(LearningRate(session.now(), session.step, number, [rate], [float(momentum)]))

    def _describe(self, fit: _Fit, tick: int, series: int, name: str, options: dict[str, Any], value: float) -> None:
        """The first call of the loss: its shapes, the activation before it, the values of the targets, some rows."""
        session = self._session
        output, activation = keras_facts.output(fit.model)
        target = keras_facts.facts(fit.y, fit.batch_size, output)
        facts = TensorFacts([fit.batch_size, *output], "float32", requires_grad=True)
        if activation in keras_facts.ACTIVATIONS and not options.pop("joined", False):
            facts.origin, facts.minimum, facts.maximum = keras_facts.ACTIVATIONS[activation]
        for role, array in (("input", fit.x), ("target", fit.y)):
            sample = keras_facts.rows(array)
            if sample is not None:
                label = "input 0" if role == "input" else role
                session.emit(Sample(tick, session.step, role, label, *sample))
        classes = output[-1] if name in ("cross_entropy", "nll_loss") and output else 2 if "binary" in name else -1
        session.emit(
            CriterionCall(
                tick,
                session.step,
                series,
                name,
                fit.place,
                True,
                "mean",
                facts,
                target,
                value,
                [],
                options,
                -1,
                classes,
            )
        )

    def _counts(self, force: bool) -> None:
        session = self._session
        for number, steps in self._steps.items():
            session.emit(StepCount(session.tick, session.step, number, steps, steps, session.backwards))

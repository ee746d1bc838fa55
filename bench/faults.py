"""Puts faults into every function of flatline's that runs in the user's process, and runs a program through it.

A fault raises, hangs, or returns nonsense, whenever the function is called. The program must print what it prints
without flatline, and a verdict must come out that lists what failed.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import pkgutil
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import flatline.observe
from flatline.observe import heartbeat
from flatline.observe.events import ProbeFailed
from flatline.observe.install import Probes
from flatline.observe.probes.criterion import FUNCTIONS
from flatline.observe.session import Session
from flatline.record.reader import read
from flatline.record.store import StoreError, Writer
from flatline.verdict import Verdict, diagnose

KINDS = ("raises", "hangs", "returns nonsense")
PATIENCE = 0.02
# A hang that nothing has ended by then has not been survived.
STUCK_SECONDS = 20.0

# What stands between the program and the rest of our code, and cannot itself be guarded: a few lines each.
KERNEL = {
    "flatline.observe.session.Session": {"__init__", "guarded", "spared", "failed", "_count_failure", "emit"},
    "flatline.observe.session._Thread": {"__init__"},
    "flatline.observe.patching.Patches": {"__init__", "__len__", "replace"},
    "flatline.observe.patching.Looked": {"__init__", "__get__"},
    "flatline.observe.patching": {"unseen", "call_as", "_call"},
    "flatline.observe.heartbeat": {"unshared", "shared", "heed"},
}
# Called when a recorder is made, before the program has begun: what fails there leaves it unrecorded, and a hang has nothing
# of the program's to hold up.
BEFORE_THE_PROGRAM = {
    "flatline.observe.budget.Budget.__init__",
    "flatline.observe.budget.Budget.calibrate",
    "flatline.observe.location.Locator.__init__",
    "flatline.observe.schedule.Schedule.__init__",
}
# Without the first nothing can be written: the verdict says that no training, and no end of the program, is on record.
# The others come after the record's end.
SILENT = {
    "flatline.observe.session.Session.flush",
    "flatline.observe.install.Probes.uninstall",
    "flatline.observe.probes.optimizer.OptimizerProbe.uninstall",
}
# Wrappers that end in what is guarded are made by these when a probe is installed: a wrapper that is none would be
# the program's to call.
MAKE_WRAPPERS = {
    "_wrapped", "_looked", "_dropping", "_compiling", "_checkpointing", "_looking_behind_wrappers", "make_init",
    "_write", "_flush", "_call_handlers", "_counted", "clearing", "taker", "_counter",
}  # fmt: skip


class _Drops(nn.Module):
    """A functional dropout that does not know of the mode."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return sum(
            getattr(F, name)(x[None], 0.5)[0]
            for name in ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout")
        )


def _losses() -> Iterator[float]:
    """Each loss of torch.nn.functional once."""
    a = torch.rand(6, 4, requires_grad=True)
    b, classes, signs = torch.rand(6, 4), torch.arange(6) % 4, torch.tensor([1.0, -1.0] * 3)
    arguments: dict[str, tuple[Any, ...]] = {
        "cross_entropy": (a, classes), "nll_loss": (a.log_softmax(1), classes), "multi_margin_loss": (a, classes),
        "multilabel_margin_loss": (a, torch.zeros(6, 4, dtype=torch.long)), "gaussian_nll_loss": (a, b, b + 1),
        "cosine_embedding_loss": (a, b, signs), "margin_ranking_loss": (a[:, 0], b[:, 0], signs),
        "hinge_embedding_loss": (a[:, 0], signs), "soft_margin_loss": (a[:, 0], signs),
        "triplet_margin_loss": (a, b, b.flip(0)), "triplet_margin_with_distance_loss": (a, b, b.flip(0)),
        "ctc_loss": (a.log_softmax(1)[:, None], torch.tensor([[1, 2]]), torch.tensor([6]), torch.tensor([2])),
        "linear_cross_entropy": (a, b, torch.arange(6)),
    }  # fmt: skip
    for name in FUNCTIONS:
        if hasattr(F, name):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield float(getattr(F, name)(*arguments.get(name, (a, b))).detach().sum())


def program() -> str:
    """Passes through every point that is patched, and prints what it computes."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        torch.manual_seed(0)
        # Deep enough for the gradient to be followed through it.
        hidden = [part for kind in (nn.Tanh, nn.Sigmoid) for part in (nn.Linear(8, 8), kind())]
        model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), *hidden, nn.Linear(8, 3))
        with torch.no_grad():
            model[0].bias.zero_()
            model[0].bias[0] = 0.5
            model[-1].bias.fill_(0.1).copy_(torch.zeros(3))
        model.load_state_dict(model.state_dict())
        optimizer = torch.optim.Adam(model.parameters())
        data = DataLoader(TensorDataset(torch.randn(12, 4), torch.randint(0, 3, (12,))), 4, shuffle=True)
        for epoch in range(2):
            for a, b in data:
                logits = model(a)
                loss = nn.CrossEntropyLoss()(logits, b)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                print(epoch, loss.item(), logits.argmax(1).tolist(), float(logits.sum()), model(a).argmin().item())
            _leave_the_graph(logits)
            with torch.inference_mode():
                print(F.cross_entropy(model(a), b).item())
        print(list(_losses()))
        scaler = torch.amp.GradScaler("cpu")
        optimizer.zero_grad()
        scaler.scale(F.cross_entropy(model(a), b)).backward()
        scaler.step(optimizer)
        scaler.update()
        _half(a)
        torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
        _exchange(a)
        torch.distributed.destroy_process_group()
        with contextlib.suppress(ValueError):
            F.cross_entropy(model(a), b[:1])
        with torch.no_grad():
            print(_Drops().eval()(a).sum().item())
        model(a).register_hook(lambda gradient: None)
        print(torch.utils.checkpoint.checkpoint(model, a, use_reentrant=False).sum().item())
        print(torch.jit.script(_scripted)(a).sum().item())
        torch.compile(model, backend="eager")
        # The first twelve steps are measured, of those after them few; what comes before this is to meet a measured one.
        for _ in range(6):
            for a, b in data:
                optimizer.zero_grad()
                F.cross_entropy(model(a), b).backward()
                optimizer.step()
        print([float(p.sum()) for p in model.parameters()], torch.get_rng_state().sum())
    return out.getvalue()


def _exchange(x: torch.Tensor) -> None:
    """Each collective operation once, in a group of one; what this backend lacks is refused."""
    distributed, out = torch.distributed, torch.empty_like(x)
    distributed.all_reduce(x)
    for name, arguments in (
        ("broadcast", (x, 0)),
        ("all_gather", ([out], x)),
        ("all_gather_into_tensor", (out, x)),
        ("reduce_scatter_tensor", (out, x)),
        ("all_to_all", ([out], [x])),
        ("all_to_all_single", (out, x)),
    ):
        with contextlib.suppress(RuntimeError):
            getattr(distributed, name)(*arguments)
    print(x.sum().item())


def _scripted(x: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.mse_loss(x, x + 1)


def _leave_the_graph(x: torch.Tensor) -> None:
    y = (
        x.detach().numpy()[0, 0],
        x.argsort(1).sum(),
        x.round().sign().long().int().bool().any(),
        (x > 0).any(),
        (x < 0).any(),
    )
    z = (x >= 0).any(), (x <= 0).any(), x.gt(0).any(), x.lt(0).any(), x.tolist(), torch.tensor(x.sum()).item()
    print(y, z, torch.argmax(x), torch.argmin(x), torch.round(x).sum(), x.detach().__array__().sum())


def _half(x: torch.Tensor) -> None:
    h = x.half().abs() + 1
    for name in ("sqrt", "sum", "mean", "float", "norm", "max", "amax", "std", "log", "rsqrt", "reciprocal"):
        print(name, getattr(h, name)().float().sum().item())
    print(h.clamp_min(0).sum(), h.clamp(0, 1).sum(), h.softmax(1).sum(), h.to(torch.float32).sum())


@dataclass
class Function:
    """A function of ours: where it is defined, and under which names it is found."""

    name: str
    places: list[tuple[Any, str]]


def functions() -> list[Function]:
    """Every function and method of ``flatline.observe``, without what cannot be guarded."""
    modules = [flatline.observe, *_submodules(flatline.observe)]
    found: dict[FunctionType, Function] = {}
    for module in modules:
        for owner in [
            module,
            *(v for v in vars(module).values() if inspect.isclass(v) and v.__module__ == module.__name__),
        ]:
            name = module.__name__ + ("" if owner is module else f".{owner.__qualname__}")
            for key, value in vars(owner).items():
                if isinstance(value, FunctionType) and value.__module__ == module.__name__:
                    if key not in KERNEL.get(name, ()) and key not in MAKE_WRAPPERS:
                        found.setdefault(value, Function(f"{name}.{key}", [])).places.append((owner, key))
    # ``from … import function`` makes a second name for it.
    for module in [m for n, m in sys.modules.items() if n.startswith("flatline.")]:
        for key, value in vars(module).items():
            if isinstance(value, FunctionType) and value in found and (module, key) not in found[value].places:
                found[value].places.append((module, key))
    return sorted(found.values(), key=lambda function: function.name)


def _submodules(package: ModuleType) -> list[ModuleType]:
    names = (info.name for info in pkgutil.walk_packages(package.__path__, package.__name__ + "."))
    return [importlib.import_module(name) for name in names]


class Stuck(BaseException):
    """A hang was ended by the bench itself."""


@contextlib.contextmanager
def broken(function: Function, kind: str) -> Iterator[list[int]]:
    """The function with a fault in it; gives a list that grows with every call."""
    calls: list[int] = []

    def fault(*_args: Any, **_kwargs: Any) -> Any:
        calls.append(1)
        if kind == "raises":
            raise RuntimeError("the probe broke")
        began = time.monotonic()
        while kind == "hangs":
            time.sleep(0.001)
            if time.monotonic() - began > STUCK_SECONDS:
                raise Stuck
        return "nonsense"

    before = [(owner, key, vars(owner)[key]) for owner, key in function.places]
    for owner, key, _ in before:
        setattr(owner, key, fault)
    try:
        yield calls
    finally:
        for owner, key, value in before:
            setattr(owner, key, value)


@contextlib.contextmanager
def watched_over(numbers: Any) -> Iterator[None]:
    """What the starting process does for a program: a signal for a probe that hangs."""
    over = threading.Event()

    def look() -> None:
        seen = 0.0
        while not over.wait(PATIENCE):
            if numbers[heartbeat.BEGAN] and numbers[heartbeat.BEGAN] == seen:
                signal.pthread_kill(threading.main_thread().ident or 0, heartbeat.SIGNAL or 0)
            seen = numbers[heartbeat.BEGAN]

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class Watched:
    """The program run with our probes, put in place as the recorder does it. ``verdict`` is None without a record."""

    def __init__(
        self,
        store: Path,
        hangs: bool = False,
        run: Callable[[], str] = program,
        probes: list[Probes] | None = None,
    ) -> None:
        self.output = ""
        self.verdict: Verdict | None = None
        self.probes: list[Probes] = probes if probes is not None else []
        numbers = heartbeat.unshared()
        try:
            writer = Writer(str(store))
            # All of the time may be spent: which steps are measured is not to depend on how fast the machine is.
            session = Session(writer.write, budget=1.0, heartbeat=numbers)
        except Exception:
            # Then the run is not recorded, and the program runs as without us.
            self.output = run()
            return
        heartbeat.heed(numbers, session.guards)
        with watched_over(numbers) if hangs else contextlib.nullcontext():
            probes = self.probes

            def install() -> None:
                probes.append(Probes(session))
                probes[0].install()

            session.guarded("install", install)()
            try:
                self.output = run()
            finally:
                session.guarded("end", session.flush)(force=True)
                if probes:
                    session.guarded("uninstall", probes[0].uninstall)()
                session.active = False
                writer.close()
        with contextlib.suppress(StoreError):
            self.verdict = diagnose(read(store))


@dataclass
class Outcome:
    """What came of one fault: ``problem`` is empty when the program did not notice and the verdict could be made."""

    name: str
    kind: str
    calls: int
    problem: str


def inject(function: Function, kind: str, expected: str, folder: Path) -> Outcome:
    """Runs the program with one function broken."""
    store = folder / "run.sqlite"
    for part in folder.glob("run.sqlite*"):
        part.unlink()
    problem = ""
    left: list[Probes] = []
    try:
        with broken(function, kind) as calls:
            watched = Watched(store, kind == "hangs", probes=left)
    except BaseException as error:
        return Outcome(function.name, kind, len(calls), f"the program got {type(error).__name__}: {error}")
    finally:
        # What a fault has kept in place is not to meet the next one.
        for probes in left:
            probes.uninstall()
    if watched.output != expected:
        problem = "the program's output changed"
    elif watched.verdict is not None and kind != "returns nonsense" and calls and not watched.verdict.probe_failures:
        problem = "" if function.name in SILENT else "the verdict does not list the fault"
    elif watched.verdict is None and kind == "returns nonsense":
        problem = "no verdict"
    return Outcome(function.name, kind, len(calls), problem)


def sweep(every: int = 1, kinds: tuple[str, ...] = KINDS) -> Iterator[Outcome]:
    """Every n-th function with each kind of fault."""
    expected = program()
    with tempfile.TemporaryDirectory() as folder:
        for function in functions()[::every]:
            met = True
            for kind in kinds:
                if kind != "raises" and function.name in BEFORE_THE_PROGRAM:
                    continue
                # What is not called with one fault is not called with another: the program is the same.
                outcome = inject(function, kind, expected, Path(folder)) if met else Outcome(function.name, kind, 0, "")
                met = met and outcome.calls > 0
                yield outcome


def failed_probes(store: Path) -> list[str]:
    """The probes that a record lists as failed."""
    return [event.probe for event in read(store).all(ProbeFailed)]


if __name__ == "__main__":
    began = time.monotonic()
    outcomes = []
    for outcome in sweep(int(sys.argv[1]) if len(sys.argv) > 1 else 1):
        outcomes.append(outcome)
        if outcome.problem:
            print(outcome, flush=True)
    reached = [o for o in outcomes if o.calls]
    print(
        len(outcomes),
        "faults,",
        len(reached),
        "met by the program,",
        sum(bool(o.problem) for o in outcomes),
        "not survived",
    )
    print(f"{time.monotonic() - began:.0f} s")

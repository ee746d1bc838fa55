"""A fault of ours at any point where the program comes through our code never reaches it, and the verdict tells of it.

The points are counted while they are made, so that a new one that no fault was put into fails here. `make bench-trust`
puts faults into every single function.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from flatline.observe import heartbeat
from flatline.observe.location import FRAME_NAME, PACKAGE
from flatline.observe.patching import Looked, Patches
from flatline.observe.session import Session

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "bench"))
import faults  # noqa: E402

# What stands before the observing functions: the guards themselves.
GUARDS = {
    "hook",
    "call",
    # The short way of most steps, with a guard of its own: tests/test_lines.py puts faults into it.
    "take",
    "call_as",
    "_call",
    "<lambda>",
    "__get__",
}
# Points that call nothing of ours: they only hand on, or count.
NOTHING_CALLED = {
    ("torch.utils.checkpoint", "checkpoint"),
    ("torch.jit._builtins", "_find_builtin"),
    ("Optimizer", "zero_grad"),
}


class Injected(Exception):
    pass


class Points:
    """The points that are patched, those at which a fault was raised, and the fault itself."""

    def __init__(self) -> None:
        self.all: set[tuple[str, str]] = set()
        self.hit: set[tuple[str, str]] = set()
        # Where a fault keeps the program from ever coming to another point.
        self.left_out: set[str] = set()
        self._known: dict[int, tuple[str, str]] = {}
        self._kept: list[Any] = []

    def made(self, owner: Any, name: str, original: Any) -> None:
        point = (getattr(owner, "__qualname__", None) or getattr(owner, "__name__", ""), name)
        self.all.add(point)
        self._known[id(original)] = point
        self._kept.append(original)

    def trace(self, frame: FrameType, event: str, _argument: Any) -> None:
        """Raises in the outermost function of ours behind a point, each time that one is called."""
        if event != "call" or not self._ours(frame) or frame.f_code.co_name in GUARDS:
            return
        caller = frame.f_back
        while caller is not None and caller.f_code.co_name in GUARDS and self._ours(caller):
            if isinstance(caller.f_locals.get("self"), Looked):
                break
            caller = caller.f_back
        if caller is None:
            return
        names = caller.f_locals
        looked = names.get("self")
        original = looked._original if isinstance(looked, Looked) else names.get("original")
        if isinstance(looked, Looked) or caller.f_code.co_filename == FRAME_NAME:
            point = self._known.get(id(original))
            if point is not None and point[1] not in self.left_out:
                self.hit.add(point)
                raise Injected(point)

    def _ours(self, frame: FrameType) -> bool:
        return frame.f_code.co_filename.startswith(PACKAGE)


@pytest.fixture
def points(monkeypatch: pytest.MonkeyPatch) -> Iterator[Points]:
    found = Points()
    replace, failed = Patches.replace, Session.failed

    def counting(self: Patches, owner: Any, name: str, make: Any) -> None:
        def made(original: Any) -> Any:
            found.made(owner, name, original)
            return make(original)

        replace(self, owner, name, made)

    def failing(self: Session, probe: str, error: BaseException) -> None:
        failed(self, probe, error)
        self._failures[probe] = 1
        # An error in a trace function ends tracing.
        sys.settrace(found.trace)

    monkeypatch.setattr(Patches, "replace", counting)
    monkeypatch.setattr(Session, "failed", failing)
    yield found
    sys.settrace(None)


@pytest.mark.filterwarnings("ignore")
def test_a_fault_at_every_point_that_is_patched(points: Points, tmp_path: Path) -> None:
    expected = faults.program()

    def run() -> str:
        sys.settrace(points.trace)
        try:
            return faults.program()
        finally:
            sys.settrace(None)

    watched = faults.Watched(tmp_path / "run.sqlite", run=run)
    assert watched.output == expected
    points.left_out = {"__call__"}
    assert faults.Watched(tmp_path / "again.sqlite", run=run).output == expected
    assert len(points.all) > 80
    missed = points.all - points.hit - NOTHING_CALLED
    assert not missed, f"no fault was put in at {sorted(missed)}: let bench/faults.py go through them"
    assert watched.verdict is not None
    listed = {line.partition(":")[0] for line in watched.verdict.probe_failures}
    assert listed >= {"backward", "batches", "built", "criterion", "cuts", "exchange", "forward", "optimizer", "scaler"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", faults.KINDS)
@pytest.mark.parametrize(
    "name",
    ["probes.criterion.CriterionProbe._observe", "probes.optimizer.OptimizerProbe.observe_after", "measure.facts",
     "registry.Registry.parameter", "install.Probes._start_sampling", "session.Session.flush", "budget.Budget.cost"],
)  # fmt: skip
def test_each_kind_of_fault(name: str, kind: str, tmp_path: Path) -> None:
    [function] = [f for f in faults.functions() if f.name == f"flatline.observe.{name}"]
    outcome = faults.inject(function, kind, faults.program(), tmp_path)
    assert outcome.calls and not outcome.problem, outcome


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["raises", "hangs"])
def test_a_store_that_cannot_be_written_to(kind: str, tmp_path: Path) -> None:
    """It is asked again at the end, and then everything is there."""
    from flatline.record.store import Writer

    outcome = faults.inject(faults.Function("Writer.write", [(Writer, "write")]), kind, faults.program(), tmp_path)
    assert outcome.calls > 1
    assert outcome.problem == "the verdict does not list the fault", "nothing can be listed in it"


def test_the_rest_of_a_hook_is_watched_over_when_a_part_of_it_has_failed() -> None:
    numbers = heartbeat.unshared()
    session = Session(lambda events: None, heartbeat=numbers)
    part, since = session.spared("part", _fails, None), []
    session.guarded("whole", lambda: since.extend([part(), numbers[heartbeat.BEGAN]]))()
    assert since[1] > 0 and numbers[heartbeat.BEGAN] == 0


# Every other way in which Python or torch calls us, and what shows that a fault there is harmless.
OTHER_WAYS = {
    "register_optimizer_step_pre_hook": "test_each_kind_of_fault, observe_after and the sweep of bench/faults.py",
    "register_optimizer_step_post_hook": "the same",
    "register_at_fork": "test_conditions: forks; Session.spared",
    "atexit.register": "test_a_fault_at_the_end; Session.spared and Session.guarded",
    "sys.meta_path.insert": "test_probe_failures: install",
    "nodes[depth].register_prehook": "test_probe_failures: a fault in the program's backward pass",
    "signal.signal": "the handler raises in probes only: test_watchdog",
}


def test_there_is_no_other_way_in() -> None:
    """What Python calls back is found in the source: a new way needs an entry, and a test."""
    package = ROOT / "src" / "flatline"
    files = [
        *(package / "observe").rglob("*.py"),
        package / "program.py",
        package / "processes.py",
        package / "status.py",
    ]
    ways = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                if name.rpartition(".")[2].startswith(
                    ("register", "settrace", "setprofile", "add_callback", "set_hook")
                ):
                    ways.add(name)
                if name in ("signal.signal", "sys.meta_path.insert", "sys.addaudithook", "gc.callbacks.append"):
                    ways.add(name)
    ways = {name.removeprefix("os.") for name in ways}
    # A hook on one tensor, of our own making, inside a guarded look.
    assert {name for name in ways if not name.endswith("register_hook")} == set(OTHER_WAYS)


def test_a_fault_at_the_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What takes our parts away fails, each of it: the others are taken away all the same."""
    import torch.nn.functional as F

    before = F.mse_loss
    for function in faults.functions():
        if function.name.rpartition(".")[2] in ("stop", "uninstall", "training_began"):
            if function.name.startswith("flatline.observe.probes"):
                for owner, key in function.places:
                    monkeypatch.setattr(owner, key, _fails)
    watched = faults.Watched(tmp_path / "run.sqlite", run=lambda: "")
    assert F.mse_loss is before
    # For the tests that follow.
    monkeypatch.undo()
    watched.probes[0].uninstall()


def _fails(*_args: Any) -> None:
    raise RuntimeError("the probe broke")

"""A fault of flatline's own never reaches the program, and the verdict says that something was not measured."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from flatline.environment import STARTUP
from flatline.observe.events import Event, ProbeFailed
from flatline.observe.install import Probes
from flatline.observe.patching import Patches
from flatline.observe.probes.criterion import FUNCTIONS
from flatline.observe.session import FAILURES_UNTIL_OFF, Session
from flatline.observe.signal import Signal
from flatline.record.recording import Recording
from flatline.verdict import diagnose, from_json
from runs import plain, watched, write


class Broken(Session):
    """A session in which one observing function, or each of them, raises whenever it is called."""

    def __init__(self, broken: str | None) -> None:
        self.events: list[Event] = []
        self.functions: list[str] = []
        self.broken = broken
        # All of the time may be spent: which steps are measured is not to depend on how fast the machine is.
        super().__init__(self.events.extend, budget=1.0)

    def guarded(self, probe: str, function: Callable[..., Any]) -> Callable[..., None]:
        name = f"{probe} {function.__qualname__}"
        self.functions.append(name)

        def raises(*_args: Any, **_kwargs: Any) -> None:
            raise RuntimeError("the probe broke")

        return super().guarded(probe, raises if self.broken in (name, "all") else function)


def _observing_functions() -> list[str]:
    session = Broken(None)
    Probes(session)
    # Those of optimizers and losses that are not torch's are called only where their frameworks are (test_frameworks.py).
    return [
        name for name in session.functions if not name.split()[1].startswith(("KerasLosses", "FrameworkOptimizers"))
    ]


@contextlib.contextmanager
def installed(session: Session) -> Iterator[Probes]:
    probes = Probes(session)
    probes.install()
    try:
        yield probes
    finally:
        probes.uninstall()
        session.active = False


class _Drops(nn.Module):
    """A functional dropout that does not know of the mode."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.dropout(x, 0.5)


def _program() -> str:
    """Passes through every point that is patched, and prints what it computes."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        with torch.no_grad():
            model[0].bias.zero_()
        model.load_state_dict(model.state_dict())
        optimizer = torch.optim.Adam(model.parameters())
        data = DataLoader(TensorDataset(torch.randn(12, 4), torch.randint(0, 3, (12,))), 4, shuffle=True)
        for _epoch in range(2):
            for a, b in data:
                loss = nn.CrossEntropyLoss()(model(a), b)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                print(loss.item(), model(a).argmax(1).tolist(), torch.argmax(model(a)).item())
        scaler = torch.amp.GradScaler("cpu")
        optimizer.zero_grad()
        scaler.scale(F.cross_entropy(model(a), b)).backward()
        scaler.step(optimizer)
        scaler.update()
        print(scaler.get_scale(), a.half().sum().item())
        torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
        torch.distributed.all_reduce(a)
        torch.distributed.destroy_process_group()
        with contextlib.suppress(ValueError):
            F.cross_entropy(model(a), b[:1])
        with torch.no_grad():
            print(_Drops().eval()(a).sum().item())
        print(torch.utils.checkpoint.checkpoint(model, a, use_reentrant=False).sum().item())
        print(torch.get_rng_state().sum())
    return out.getvalue()


@pytest.mark.parametrize("broken", [*_observing_functions(), "all"])
def test_the_program_computes_the_same_and_the_verdict_lists_the_fault(broken: str) -> None:
    expected = _program()
    session = Broken(broken)
    with installed(session):
        actual = _program()
        session.flush(force=True)
    assert actual == expected
    failed = {event.probe for event in session.events if isinstance(event, ProbeFailed)}
    if broken != "all":
        assert failed == {broken.split()[0]}
    assert len(failed) >= 1
    listed = diagnose(Recording(session.events)).probe_failures
    assert {line for line in listed if line.endswith("RuntimeError: the probe broke")} == {
        f"{probe}: RuntimeError: the probe broke" for probe in failed
    }


def _points(probes: Probes) -> list[tuple[Any, str]]:
    """Every attribute that is replaced while these probes are installed and a step is sampled."""
    held: list[Patches] = []
    for part in [probes, *vars(probes).values()]:
        held += [value for value in getattr(part, "__dict__", {}).values() if isinstance(value, Patches)]
    return [(owner, name) for patches in held for owner, name, _, _ in patches._replaced]


def test_every_patch_is_taken_away_again() -> None:
    before = {name: getattr(F, name) for name in FUNCTIONS}
    session = Broken(None)
    with installed(session) as probes:
        points = dict.fromkeys(_points(probes))
        during = {(id(owner), name): vars(owner).get(name) for owner, name in points}
        assert len(points) > 50
    for owner, name in points:
        assert vars(owner).get(name) is not during[id(owner), name], f"{owner}.{name} is still replaced"
    assert before == {name: getattr(F, name) for name in FUNCTIONS}
    assert "item" not in vars(torch.Tensor)


def test_a_patch_of_the_users_on_top_of_ours_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Broken(None)
    # What is put back at the end is torch's own, not ours.
    monkeypatch.setattr(F, "mse_loss", F.mse_loss)
    with installed(session):
        ours = F.mse_loss

        def users(*args: Any, **kwargs: Any) -> torch.Tensor:
            return ours(*args, **kwargs)

        monkeypatch.setattr(F, "mse_loss", users)
    assert F.mse_loss is users
    assert F.mse_loss(torch.zeros(2), torch.ones(2)) == 1


def test_a_fault_in_the_programs_backward_pass_leaves_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_gradients: Any) -> None:
        calls.append(1)
        raise RuntimeError("the hook broke")

    def backward() -> list[torch.Tensor]:
        torch.manual_seed(0)
        model = nn.Sequential(*[part for _ in range(4) for part in (nn.Linear(4, 4), nn.Tanh())])
        model(torch.ones(2, 4)).mean().backward()
        return [parameter.grad for parameter in model.parameters() if parameter.grad is not None]

    calls: list[int] = []
    alone = backward()
    monkeypatch.setattr(Signal, "_hook", lambda self, depth, spread: fails)
    session = Broken(None)
    with installed(session):
        watched = backward()
        session.flush(force=True)
    assert len(calls) == 4 and len(alone) == 8 and all(map(torch.equal, alone, watched))
    assert {(e.probe, e.message) for e in session.events if isinstance(e, ProbeFailed)} == {
        ("inner", "RuntimeError: the hook broke")
    }


def test_a_probe_that_keeps_failing_is_switched_off() -> None:
    calls = []

    def fails() -> None:
        calls.append(1)
        raise ValueError("again")

    session = Session(lambda events: None)
    hook = session.guarded("some", fails)
    for _ in range(20):
        hook()
    assert len(calls) == FAILURES_UNTIL_OFF


PROGRAM = """
    import torch
    weight = torch.ones(3, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.1)
    for step in range(20):
        loss = torch.nn.functional.mse_loss(weight, torch.zeros(3))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(step, loss.item())
"""
# Python imports these before the program and after the recorder has started.
SABOTAGE = {
    "printed": """
        from flatline.observe.probes.printed import PrintedProbe
        def fails(*args): raise RuntimeError("the probe broke")
        PrintedProbe._line = fails
    """,
    "store": """
        from flatline.record.store import Writer
        whole, times = Writer._open, []
        def fails(self):
            times.append(1)
            if len(times) < 2:
                raise RuntimeError("the probe broke")
            return whole(self)
        Writer._open = fails
    """,
    "install": """
        import flatline.observe
        class Nothing:
            def __getattr__(self, name): raise RuntimeError("the probe broke")
        import sys
        sys.modules["flatline.observe.install"] = Nothing()
    """,
}


@pytest.mark.parametrize("what", SABOTAGE)
def test_faults_outside_the_torch_probes(what: str, folder: Path) -> None:
    write(folder, "program.py", PROGRAM)
    expected = plain(folder, "program.py")
    guard = "import sys\nif 'flatline.program' in sys.modules:\n    import sabotage\n"
    write(folder, "lib/sitecustomize.py", guard)
    write(folder, "lib/sabotage.py", SABOTAGE[what])
    actual = watched(folder, "program.py", options=("--quiet", "--json", "verdict.json"), PYTHONPATH="lib")
    assert actual == expected
    failures = from_json((folder / "verdict.json").read_bytes()).probe_failures
    assert any(line.startswith(f"{what}: RuntimeError: the probe broke") for line in failures)


def test_a_store_that_cannot_be_opened_in_the_program(folder: Path) -> None:
    """One line says so; the program runs all the same, and nothing of ours is left in its environment."""
    write(folder, "program.py", PROGRAM + "    import os; print([k for k in os.environ if 'FLATLINE' in k])\n")
    expected = plain(folder, "program.py")
    settings = {"STORE": "/no/where.sqlite", "ARGUMENTS": "1", "HOME": str(folder), "STATUS": "0"}
    actual = plain(
        folder, "program.py", PYTHONPATH=str(STARTUP), **{f"FLATLINE_RUN_{k}": v for k, v in settings.items()}
    )
    assert (actual.out, actual.status) == (expected.out, 0)
    assert actual.err.startswith(b"flatline: this run is not recorded: StoreError: cannot write the store /no/where")
    assert actual.err.count(b"\n") == 1

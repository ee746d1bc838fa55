"""Trials on a real Ray cluster: two nodes on this machine, one core each. The results are those of local trials."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flatline.changes import Change
from flatline.experiments.ray_runner import RayRunner, RayUnavailable
from flatline.experiments.runner import LocalRunner
from flatline.experiments.runs import read_case
from flatline.experiments.trial import Limits, Status, TrialRequest
from test_trial import TRAINS, request

ray = pytest.importorskip("ray")
SEEDED = TRAINS.replace("model =", "torch.manual_seed(0)\nmodel =")
CHANGES: list[list[Change]] = [[], [Change("learning-rate", {"factor": 0.1})]]


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=1)
    made.wait_for_nodes()
    yield made.address
    if ray.is_initialized():
        ray.shutdown()
    made.shutdown()


def requests(folder: Path) -> list[TrialRequest]:
    """The program untouched and changed, and two that go wrong; each says on which node it ran."""
    made = [request(folder, SEEDED, steps=4)]
    made = [TrialRequest(m.program, m.folder, m.environment, c, m.steps, m.limits) for m in made for c in CHANGES]
    (folder / "crash").mkdir()
    (folder / "hang").mkdir()
    made.append(request(folder / "crash", "raise ValueError('shapes differ')"))
    made.append(request(folder / "hang", "import time; time.sleep(60)", limits=Limits(2)))
    return made


def test_results_are_identical_and_both_nodes_work(
    tmp_path: Path, cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", cluster)
    runner = RayRunner()
    assert runner.parallel == 2
    asked = requests(tmp_path)
    told: list[int] = []
    there = runner.run(asked, lambda index, result: told.append(index))
    here = LocalRunner(2).run(asked)
    assert sorted(told) == [0, 1, 2, 3]
    assert [r.status for r in there] == [r.status for r in here]
    assert [r.status for r in here] == [Status.FINISHED, Status.FINISHED, Status.CRASHED, Status.TIMED_OUT]
    for one, other in zip(there, here):
        assert (one.message, one.output, one.isolation) == (other.message, other.output, other.isolation)
    for one, other in zip(there[:2], here[:2]):
        first, second = read_case(one), read_case(other)
        assert first is not None and second is not None
        assert first.recording.optimised[0].values.tolist() == second.recording.optimised[0].values.tolist()
    assert len({r.node for r in there}) == 2 and {r.node for r in here} == {""}
    runner.close()
    assert not ray.is_initialized()


def test_without_a_cluster_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(RayUnavailable, match=r"127\.0\.0\.1:1 .*ray start"):
        RayRunner()


def test_without_ray_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RayUnavailable, match=r"pip install 'flatline\[ray\]'"):
        RayRunner()

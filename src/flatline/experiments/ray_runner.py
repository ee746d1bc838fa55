"""Trials on the machines of a Ray cluster."""

from __future__ import annotations

import importlib
import os
import socket
from collections.abc import Sequence
from typing import Any

from flatline.experiments.runner import Told
from flatline.experiments.trial import Status, TrialRequest, TrialResult, run_trial


class RayUnavailable(Exception):
    """Ray is not installed, or its cluster cannot be reached; the message says what to do."""


class RayRunner:
    """Trials as Ray tasks, one core each, spread over the nodes.

    A node runs a trial exactly as :class:`flatline.experiments.runner.LocalRunner` does, in the environment of the
    request. It needs flatline and the program's packages, and the program's folder under the same path.

    Args:
        address: of the cluster, as for ``ray.init``; None for the one in RAY_ADDRESS, else one running here.

    Raises:
        RayUnavailable: there is no Ray, or no cluster.
    """

    def __init__(self, address: str | None = None) -> None:
        try:
            ray: Any = importlib.import_module("ray")
        except ImportError as error:
            raise RayUnavailable("--on ray needs Ray: pip install 'flatline[ray]'") from error
        self._ray = ray
        self._ours = not ray.is_initialized()
        where = address or os.environ.get("RAY_ADDRESS") or "auto"
        if self._ours:
            try:
                _knock(where)
                ray.init(address=where, log_to_driver=False, logging_level="error")
            except Exception as error:
                raise RayUnavailable(
                    f"no Ray cluster answers at {where} ({error}); start one with `ray start --head`, or set RAY_ADDRESS"
                ) from error
        self.parallel = max(1, int(ray.cluster_resources().get("CPU", 1)))
        # A trial that took its machine down must not be tried on the next one.
        self._task = ray.remote(num_cpus=1, max_retries=0, scheduling_strategy="SPREAD")(_on_node)

    def run(self, requests: Sequence[TrialRequest], told: Told | None = None) -> list[TrialResult]:
        waiting = {self._task.remote(request): index for index, request in enumerate(requests)}
        results: dict[int, TrialResult] = {}
        try:
            while waiting:
                done, _ = self._ray.wait(list(waiting), num_returns=1)
                index = waiting.pop(done[0])
                try:
                    results[index] = self._ray.get(done[0])
                except self._ray.exceptions.RayError as error:
                    results[index] = TrialResult(Status.KILLED, f"its node was lost: {type(error).__name__}")
                if told is not None:
                    told(index, results[index])
        except BaseException:
            for task in waiting:
                self._ray.cancel(task, force=True)
            raise
        return [results[index] for index in range(len(requests))]

    def close(self) -> None:
        if self._ours:
            self._ray.shutdown()


def _knock(address: str) -> None:
    """Ray itself tries for minutes to reach a cluster that is not there.

    Raises:
        OSError: nobody listens at ``host:port``.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


def _on_node(request: TrialRequest) -> TrialResult:
    result = run_trial(request)
    result.node = str(importlib.import_module("ray").get_runtime_context().get_node_id())
    return result

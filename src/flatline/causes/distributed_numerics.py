from __future__ import annotations

from flatline.causes.base import Cause, Choice, Decision, Evidence, Experiment, Found, Level, RuledOut, Untested
from flatline.causes.case import Case
from flatline.causes.judging import contrast, finite
from flatline.causes.non_finite import HALF
from flatline.changes import Change
from flatline.observe.events import Exchanged
from flatline.record.recording import Recording


class DistributedNumerics(Cause):
    """Numbers go wrong in the exchange between processes: each process alone is fine.

    What you see
        NaN, or a loss of 0, with several processes; one process alone trains well.

    What is measured
        On sampled steps, whether what ``all_reduce`` gave back is finite when what each process put in was; at which
        step the loss of each process is NaN first, and on how many rows.

    How it is told apart
        With ``numeric-overflow`` the first bad number is made in this process. A sum that overflows in half precision
        and a NaN that another process sent look the same in one process's gradients, but not in the type exchanged.

    Experiment
        Where 16-bit numbers are exchanged: the same program in float32, in which every sum over processes is
        finite.

    Fix
        Sum in float32, or divide before the sum; give each process the same number of rows.

    References
        https://github.com/OpenRLHF/OpenRLHF/pull/583
        https://github.com/hiyouga/LlamaFactory/issues/8137
    """

    name = "distributed-numerics"
    row = "Z3b"
    title = "numbers go wrong in the exchange between processes"
    before_training = Level.LIKELY
    choices = (
        Choice("Average by the number of samples of each rank.", "one more reduction a step"),
        Choice("Give every rank equally many samples.", "up to world size - 1 samples repeated or left out"),
        Choice("Reduce in float32 or bfloat16.", "twice the traffic of float16 for float32"),
    )

    def decide(self, case: Case) -> Decision | None:
        recording = case.recording
        exchanged = _exchanged(case)
        spoilt = next(iter(_spoilt(case)), None)
        if spoilt is not None:
            half = spoilt.dtype in HALF
            return Found(
                Level.LIKELY,
                0.96,
                recording.line(spoilt.place),
                [
                    Evidence(f"what this process put into {spoilt.operation} at step {spoilt.step}", "finite"),
                    Evidence(
                        f"what came back from {spoilt.world} processes ({spoilt.elements} numbers, {spoilt.dtype})",
                        "NaN or infinities",
                        "finite",
                    ),
                ],
                "Sum in float32, or divide by the number of processes before the sum: the sum leaves the range of "
                f"{spoilt.dtype}."
                if half
                else "Another process sent a number that is not finite: look at the rows that it was given (an empty "
                "part gives a mean over nothing), and at its own record.",
            )
        starved = self._starved(recording, exchanged)
        if starved is not None:
            return starved
        if recording.ranks:
            return RuledOut(
                f"all {len(exchanged)} measured sums over processes gave finite numbers out of finite ones"
                if exchanged
                else "no process met a number that is not finite before the others did"
            )
        if exchanged or recording.run.rank:
            return Untested(
                "one process of several was seen: the same program in a single process, with the same global batch, "
                "would tell"
            )
        return None

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found) or not any(e.dtype in HALF for e in _spoilt(case)):
            return []
        return [
            Experiment(
                "is every sum over processes finite in float32?",
                [Change("precision", {"dtype": "float32"})],
                contrast(
                    "precision",
                    lambda control: bool(_spoilt(control)),
                    lambda control, trial: bool(_exchanged(trial)) and not _spoilt(trial) and finite(trial),
                    "in float32, with the same rows in each process, every sum over processes is finite",
                    "in float32 a sum over processes is not finite either",
                    lambda control, trial: bool(_spoilt(trial)),
                ),
                steps=case.recording.steps,
            )
        ]

    def _starved(self, recording: Recording, exchanged: list[Exchanged]) -> Found | None:
        """A process that was given no rows takes a mean over nothing, which is NaN, and the sum carries it to all."""
        first = {r.run.rank: r.first_non_finite for r in recording.ranks}
        steps = [step for step in first.values() if step is not None]
        if not steps or len(set(first.values())) == 1:
            return None
        begins = min(steps)
        rank = next(r for r in recording.ranks if r.first_non_finite == begins)
        empty = next(
            (c for c in rank.calls if c.step == begins and c.input is not None and 0 in c.input.shape),
            None,
        )
        size = rank.rows_at(begins)
        if empty is None and size != 0:
            return None
        return Found(
            Level.LIKELY,
            0.96,
            recording.line(exchanged[0].place) if exchanged else recording.line(empty.place if empty else None),
            [
                Evidence(f"rows that rank {rank.run.rank} was given at step {begins}", "0", "at least 1"),
                Evidence(f"its loss at step {begins}", "NaN, the mean over nothing", "a number"),
                Evidence(
                    "first loss of the other ranks that is not finite",
                    ", ".join(f"step {s}" if s is not None else "none" for r, s in first.items() if r != rank.run.rank),
                    "none",
                ),
            ],
            "Give every process as many rows as the others: drop the last, uneven batch, or pad it (DistributedSampler "
            "does), or leave the process without rows out of the sum.",
        )


def _exchanged(case: Case) -> list[Exchanged]:
    recording = case.recording
    return [e for rank in recording.ranks or [recording] for e in rank.all(Exchanged)]


def _spoilt(case: Case) -> list[Exchanged]:
    return [e for e in _exchanged(case) if e.finite_before and not e.finite_after]

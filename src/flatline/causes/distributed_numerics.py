from __future__ import annotations

from flatline.causes.base import Cause, Decision, Evidence, Found, Level, Untested
from flatline.causes.case import Case
from flatline.causes.non_finite import HALF
from flatline.observe.events import Exchanged, Forward


class DistributedNumerics(Cause):
    """Numbers go wrong in the exchange between processes: each process alone is fine.

    What you see
        NaN, or a loss of 0, with several processes; one process alone trains well.

    What is measured
        On sampled steps, whether what ``all_reduce`` gave back is finite when what this process put in was.

    How it is told apart
        With ``numeric-overflow`` the first bad number is made in this process. A sum that overflows in half precision
        and a NaN that another process sent look the same in one process's gradients, but not in the type exchanged.

    Experiment
        The same program in one process, with the same global batch.

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

    def decide(self, case: Case) -> Decision | None:
        recording = case.recording
        exchanged = recording.all(Exchanged)
        spoilt = next((e for e in exchanged if e.finite_before and not e.finite_after), None)
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
        if exchanged or recording.run.rank:
            return Untested(
                "one process of several was seen: the same program in a single process, with the same global batch, "
                "would tell"
            )
        ended = recording.ended
        nothing = not recording.curves and not recording.all(Forward)
        if nothing and ended is not None and ended.exception is None:
            return Untested("no training was seen in this process; processes that the program forks are not recorded")
        return None

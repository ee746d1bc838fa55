"""Evaluated rows that were trained on, themselves or others of their source: the part of answer-visible that is the split's."""

from __future__ import annotations

import math

import numpy as np

from flatline.causes.base import Decision, Evidence, Found, Level, RuledOut
from flatline.causes.case import Case, number
from flatline.causes.splits import loader_line, parted_line, split_line
from flatline.record.copying import FEWEST_SHARED, MOST_SHARED, overlap
from flatline.record.kept import calls
from flatline.record.near import sources, windows
from flatline.record.passes import enumerable, shared_rows

# As for a five-sigma find, with one to spare for several loaders.
SIGMAS = 6


def rows_in_both(case: Case) -> Decision | None:
    found = overlap(case.recording)
    if found is None:
        return None
    return Found(
        Level.LIKELY,
        0.95,
        split_line(case, found.place),
        [
            Evidence("evaluated rows that were trained on", f"{found.shared} of {found.rows}", "0"),
            Evidence("rows in the training part, and repetitions among them", f"{found.trained}, {found.repeated}"),
        ],
        "Split first, and repeat, draw or augment rows in the training part only; split by source where several "
        "rows come from one.",
    )


def loaders_in_both(case: Case) -> Decision | None:
    """Equal rows in a loader that is trained on and in one that is only evaluated."""
    compared = shared_rows(case.recording)
    if not compared:
        return None
    trained = [c.rows for c in calls(case.recording) if c.forward.gradient][:12]
    trained = [r.reshape(len(r), -1) for r in trained]
    rows = [r for r in trained if r.shape[1] == trained[0].shape[1]]
    few = bool(rows) and enumerable(np.concatenate(rows))
    for found in compared:
        if found.rows < FEWEST_SHARED or found.rows <= found.expected * few + SIGMAS * math.sqrt(found.expected * few):
            continue
        whole = found.share >= MOST_SHARED or np.isin(found.trained.keys, found.evaluated.keys).mean() >= MOST_SHARED
        if whole and not found.named:
            # The training part, or everything, evaluated on purpose.
            continue
        name = f"rows of {found.named.replace(' ', '_')}" if found.named else "evaluated rows"
        return Found(
            Level.LIKELY,
            0.95,
            loader_line(case, found, whole),
            [
                Evidence(
                    f"{name} that were trained on too",
                    f"{found.rows} of {len(found.evaluated.keys)}",
                    "0" if not few else f"about {found.expected:.0f}, as rows that are equal by nature",
                ),
                Evidence("rows in the training part", str(len(found.trained.keys))),
            ],
            "Build the evaluated loader from rows that are kept out of training; split before rows are repeated.",
        )
    total = sum(len(c.evaluated.keys) for c in compared)
    return RuledOut(f"no more of the {total} evaluated rows were trained on than equal rows explain")


def sources_in_both(case: Case) -> Decision | None:
    """Rows that are no copies but come from one source, in both parts."""
    found = windows(case.recording)
    if found is not None:
        evidence = [
            Evidence(
                "evaluated rows of which half or more stands in rows that were trained on",
                f"{found.shared} of {found.rows}",
                "few: windows at the border of the two parts",
            )
        ]
        return Found(
            Level.LIKELY,
            0.95,
            parted_line(case, found.place),
            evidence,
            "Split the series first, by time or by recording, and cut windows within each part.",
        )
    near = sources(case.recording)
    if near is None:
        return None
    return Found(
        Level.LIKELY,
        0.9,
        parted_line(case, near.place),
        [
            Evidence(
                "evaluated rows that fall into a tight group of rows that were trained on",
                f"{near.shared} of {near.rows}, at a distance of {number(near.near)}",
                f"as far as one group is from another, {number(near.apart)} and more",
            ),
            Evidence("such groups, each of one label", str(near.sources), "no gaps between rows drawn one by one"),
        ],
        "Split by source (patient, speaker, photograph), so that all rows of one source are on one side: "
        "sklearn.model_selection.GroupShuffleSplit; augment after the split.",
    )

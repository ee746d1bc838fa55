from __future__ import annotations

import ast

from flatline.causes.base import Cause, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import Case
from flatline.causes.judging import contrast
from flatline.causes.places import candidates
from flatline.changes import Change
from flatline.fixes.patch import Patch
from flatline.observe.events import LoaderSeen, Printed
from flatline.record.recording import Line
from flatline.record.source import SourceFile, enclosing_calls


class EmptyEpoch(Cause):
    """An epoch has no batches: the iterator was used up in the first, or the set is smaller than a batch.

    What you see
        The loss is 0 (or NaN, or the same as before) exactly from an epoch boundary on; weights no longer move.

    What is measured
        The number of batches each pass over each loader gave; the training steps between two printed losses; whether
        a name in the program holds a used-up generator or iterator at that moment.

    How it is told apart
        The losses that were computed are not 0. ``learning-rate-zero`` has batches and no movement.

    Experiment
        The same program with its iterator begun anew in each epoch, and no incomplete batch dropped: every
        epoch has batches.

    Fix
        Make the generator inside the epoch loop, or a class with ``__iter__``; for a small set, drop_last=False or a
        smaller batch.

    References
        https://github.com/keras-team/keras/issues/20402
        https://github.com/galatolofederico/pytorch-balanced-batch/issues/1
    """

    name = "empty-epoch"
    row = "Z14"
    title = "an epoch passes without a single batch"

    def decide(self, case: Case) -> Decision | None:
        recording = case.recording
        for ended in recording.epochs:
            if ended.batches == 0:
                loader = next((x for x in recording.all(LoaderSeen) if x.number == ended.loader), None)
                return self._empty_loader(case, loader)
        symptom = case.symptom("empty-epoch")
        if symptom is None:
            counts = [e.batches for e in recording.epochs]
            if counts:
                return RuledOut(f"each of {len(counts)} passes over a loader gave at least {min(counts)} batches")
            return None
        names = next((p.exhausted for p in recording.all(Printed) if p.exhausted), [])
        loop = self._inner_loop(case)
        line, name = loop if loop is not None else (case.backward_line, "")
        evidence = [
            Evidence("training between two printed losses", symptom.text, "batches in every epoch"),
        ]
        if names:
            evidence.append(Evidence("used-up iterators in the program then", ", ".join(names[:4]), "none"))
        known = [n for n in names if n == name] or names
        made = self._made(case, line, known[0]) if known else None
        return Found(
            Level.LIKELY,
            0.97 if names else 0.85,
            line if (name and name in names) or made is None else made,
            evidence,
            f"{known[0]} is used up after the first pass: make it anew inside the epoch loop."
            if known
            else "What the training loop iterates over is used up after the first pass: make it anew in each "
            "epoch, or give the class an __iter__ that starts over.",
        )

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found):
            return []
        return [
            Experiment(
                "do later epochs have batches when the iterator is made anew, and no incomplete batch is dropped?",
                [Change("iterators", {})],
                contrast(
                    "iterators",
                    lambda control: control.has("empty-epoch"),
                    lambda control, trial: (
                        not trial.has("empty-epoch")
                        and (
                            trial.recording.steps >= 1.5 * control.recording.steps
                            or _batches(trial) > _batches(control)
                        )
                    ),
                    "begun anew, the same iterator gives batches in every epoch",
                    "epochs stay empty although the iterator is begun anew",
                    lambda control, trial: (
                        trial.has("empty-epoch") and trial.recording.steps == control.recording.steps
                    ),
                    lambda some: f"{some.recording.steps} optimizer steps",
                ),
            )
        ]

    def patches(self, case: Case, found: Found) -> list[Patch]:
        from flatline.fixes.insert_statement import insert_before
        from flatline.fixes.move_statement import into_loop
        from flatline.fixes.replace_expression import wrap_assigned
        from flatline.fixes.set_argument import set_argument

        line = found.line
        if line is None:
            return []
        source = SourceFile(case.recording, line.file)
        made = candidates(
            "The last batch is kept, although it is smaller.",
            set_argument(("DataLoader",), "drop_last", "False", add=False),
            [line],
        )
        for begin, statements in _rewinds(source):
            made += candidates("Each pass begins at the beginning.", insert_before(*statements), [source.line(begin)])
        inner = self._inner_loop(case)
        names = [name for p in case.recording.all(Printed) for name in p.exhausted]
        used = [s for name in dict.fromkeys([*names, *([inner[1]] if inner else [])]) for s in source.assignments(name)]
        once = [s for s in source.nodes() if isinstance(s, ast.Assign) and _is_used_up(s.value)]
        given = [s for s in used if isinstance(s, ast.Assign) and isinstance(s.value, (ast.Call, ast.GeneratorExp))]
        if inner is not None:
            body = case.backward_line or inner[0]
            for statement in given:
                text = f"{ast.unparse(statement.targets[0])} is made anew in each epoch."
                made += candidates(text, into_loop(statement.lineno), [body if body.file == line.file else inner[0]])
        for statement in [*given, *once]:
            text = f"{ast.unparse(statement.targets[0])} holds what it gives, so it can be gone through again."
            made += candidates(text, wrap_assigned("list("), [source.line(statement.lineno)])
        return made

    def _empty_loader(self, case: Case, loader: LoaderSeen | None) -> Found:
        recording = case.recording
        evidence = [Evidence("batches in one pass of the loader", "0", "at least 1")]
        fix = "Look at what the data set and sampler give on a second pass."
        if loader is not None and loader.drop_last and 0 <= loader.samples < loader.batch_size:
            evidence.append(
                Evidence("samples against batch size", f"{loader.samples} < {loader.batch_size} with drop_last=True")
            )
            fix = "The set is smaller than one batch and drop_last=True drops it: use a smaller batch, or drop_last=False."
        elif loader is not None and loader.samples == 0:
            evidence.append(Evidence("samples in the data set", "0", "at least 1"))
            fix = "The data set is empty: check the filter or the path it is built from."
        return Found(Level.LIKELY, 0.98, recording.line(loader.place) if loader else case.backward_line, evidence, fix)

    @staticmethod
    def _inner_loop(case: Case) -> tuple[Line, str] | None:
        """The innermost ``for`` around the backward, and the name it iterates over."""
        line = case.backward_line
        for _ in range(3):
            if line is None:
                return None
            source = SourceFile(case.recording, line.file)
            loops = [x for x in source.loops_around(line.line) if isinstance(x, ast.For)]
            function = source.function_around(line.line)
            if function is not None:
                loops = [x for x in loops if x.lineno > function.lineno]
            if loops:
                iterated = loops[-1].iter
                while isinstance(iterated, ast.Call) and iterated.args:
                    iterated = iterated.args[0]
                return source.line(loops[-1].lineno), ast.unparse(iterated)
            callers = enclosing_calls(case.recording, line)
            line = callers[0] if callers else None
        return None

    @staticmethod
    def _made(case: Case, line: Line | None, name: str) -> Line | None:
        if line is None:
            return None
        source = SourceFile(case.recording, line.file)
        statements = source.assignments(name)
        return source.line(statements[-1].lineno) if statements else None


def _batches(case: Case) -> int:
    return sum(ended.batches for ended in case.recording.epochs)


def _rewinds(source: SourceFile) -> list[tuple[int, list[str]]]:
    """For classes whose ``__iter__`` returns the object itself: that line, and what ``__init__`` sets that
    ``__next__`` counts on."""
    found: list[tuple[int, list[str]]] = []
    for node in source.nodes():
        methods = (
            {m.name: m for m in node.body if isinstance(m, ast.FunctionDef)} if isinstance(node, ast.ClassDef) else {}
        )
        if not {"__init__", "__iter__", "__next__"} <= set(methods):
            continue
        back = [s for s in methods["__iter__"].body if isinstance(s, ast.Return) and ast.unparse(s) == "return self"]
        counted = {ast.unparse(s.target) for s in ast.walk(methods["__next__"]) if isinstance(s, ast.AugAssign)}
        begun = [
            ast.unparse(s)
            for s in methods["__init__"].body
            if isinstance(s, ast.Assign) and isinstance(s.value, ast.Constant) and ast.unparse(s.targets[0]) in counted
        ]
        if len(back) == 1 and begun:
            found.append((back[0].lineno, begun))
    return found


def _is_used_up(value: ast.expr) -> bool:
    """Whether an expression gives what can be gone through once: ``zip(…)``, ``map(…)``, a generator."""
    called = value.func.id if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) else ""
    return isinstance(value, ast.GeneratorExp) or called in ("zip", "map", "filter", "iter", "enumerate", "reversed")

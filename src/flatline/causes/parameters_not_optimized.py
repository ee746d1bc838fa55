from __future__ import annotations

import ast

from flatline.causes.base import Cause, Decision, Evidence, Experiment, Found, Level, RuledOut
from flatline.causes.case import Case
from flatline.causes.judging import clearly_lower, contrast, last
from flatline.causes.learning_rate_zero import only_calls
from flatline.causes.places import candidates, models, optimizers, receivers
from flatline.changes import Change
from flatline.fixes.patch import Patch
from flatline.observe.events import Forward, LossScale, ParametersWritten
from flatline.record.recording import Line
from flatline.record.source import SourceFile


class ParametersNotOptimized(Cause):
    """Gradients arrive at weights that no optimizer holds, or no optimizer ever takes a step.

    What you see
        The loss stays where it began, or exactly repeats from epoch to epoch; or a part of the model never learns.

    What is measured
        The parameters that backward reaches, against those the optimizers were given; modules that take part in the
        forward pass but are not registered in the model; steps taken; weights before and after a step.

    How it is told apart
        With ``graph-cut`` the gradient is missing; with ``learning-rate-zero`` the optimizer holds the weights and
        steps. Weights with ``requires_grad=False`` are frozen on purpose, and so are early layers below a trained
        head.

    Experiment
        The left-out weights handed to the optimizer (moved along their gradient, where there is none): the loss
        falls.

    Fix
        Pass ``model.parameters()`` of the model that is trained, after its layers are complete; keep layers in
        nn.ModuleList.

    References
        https://github.com/pytorch/pytorch/issues/715
        https://github.com/zjunlp/HVPNeT/issues/5
    """

    name = "parameters-not-optimized"
    row = "F6"
    title = "weights that get gradients are in no optimizer"
    before_training = Level.LIKELY

    def decide(self, case: Case) -> Decision | None:
        backwards = [b for b in case.backwards if b.requires_grad]
        if not backwards:
            return None
        if not case.recording.optimizers:
            return self._by_hand(case)
        recording = case.recording
        if not case.stepped:
            if only_calls(case, "step", "sched") is not None:
                # A scheduler is stepped in the optimizer's place: that cause tells it.
                return None
            if recording.all(LossScale):
                # A gradient scaler was asked to step and left it out: loss-scale-collapse tells why.
                return None
            return Found(
                Level.LIKELY,
                0.97,
                case.backward_line,
                [Evidence("optimizer steps", f"0 after {recording.backwards} backward passes", "one for each")],
                "Call optimizer.step() after loss.backward().",
            )
        # Late in the run a program may train another model: each part is judged by the optimizers that step then.
        held = {p for o in recording.optimizers.values() for p in o.parameters}
        reached = {p for b in backwards for p in b.reached}
        used = self._used(case)
        missing = {p for p in reached - held if self._weight(case, p, used)}
        stale = self._stale(case)
        if stale is not None:
            return stale
        if not missing:
            return RuledOut(f"all {len(reached)} parameters that get a gradient are in an optimizer")
        loose = {p for p in missing if not recording.parameters[p].registered}
        held_reached = reached & held
        names = ", ".join(sorted(recording.parameter_name(p) for p in missing)[:4])
        evidence = [
            Evidence(
                "parameters with a gradient and in no optimizer", f"{len(missing)} of {len(reached)} ({names})", "0"
            ),
        ]
        if loose:
            evidence.append(Evidence("of these, in modules that are not registered", str(len(loose))))
        line = self._built(case, loose) if loose else case.optimizer_line
        stuck = case.has("nothing-moves", "constant-loss", "chance-plateau") or not case.improves
        stuck = stuck and not case.preflight
        early = bool(held_reached) and not loose and self._below(case, missing, held_reached)
        if early and (self._loaded(case) or not stuck):
            return RuledOut("the weights outside the optimizer lie below a trained head, as when a backbone is frozen")
        sure = not held_reached or bool(loose) or not early
        return Found(
            Level.LIKELY if sure or stuck else Level.POSSIBLE,
            0.97 if sure else 0.8,
            line,
            evidence,
            "Keep the layers in nn.ModuleList so that parameters() finds them."
            if loose
            else "Build the optimizer from the parameters of the model that the loss is computed with.",
        )

    def experiments(self, case: Case, decision: Decision | None) -> list[Experiment]:
        if not isinstance(decision, Found):
            return []
        return [
            Experiment(
                "does the loss fall when every weight that has a gradient is moved?",
                [Change("parameters", {})],
                contrast(
                    "parameters",
                    lambda control: bool(control.backwards),
                    _falls_further,
                    "with the left-out weights moved along their gradient the loss falls well below the control's",
                ),
                steps=case.recording.steps,
            )
        ]

    def patches(self, case: Case, found: Found) -> list[Patch]:
        from flatline.fixes.change_operator import in_place
        from flatline.fixes.insert_statement import insert_after
        from flatline.fixes.move_statement import behind
        from flatline.fixes.replace_expression import replace_expression
        from flatline.fixes.set_argument import set_argument

        line = found.line
        if line is None:
            return []
        source = SourceFile(case.recording, line.file)
        if not case.recording.optimizers:
            bound = [
                source.line(n.lineno) for n in source.nodes() if isinstance(n, ast.Assign) and ".grad" in ast.unparse(n)
            ]
            return candidates("Weights are changed in place.", in_place, [line, *bound])
        if not case.stepped:
            names = optimizers(source)
            text = "The optimizer takes a step after each backward pass."
            back = case.backward_line
            return candidates(text, insert_after(f"{names[0]}.step()"), [back]) if len(names) == 1 else []
        made: list[Patch] = []
        listed = "nn.ModuleList()" if "nn." in "".join(case.recording.sources.values()) else "torch.nn.ModuleList()"
        made += candidates("The list registers its layers with the model.", replace_expression("[]", listed), [line])
        selected = _selected(source, line)
        if selected is not None:
            text = "The optimizer holds every weight that is to be trained."
            name, model, listed_there = selected
            every = f"p for p in {model}.parameters() if p.requires_grad"
            every = f"[{every}]" if listed_there else every
            made += candidates(text, set_argument((name,), "params", every, 0, add=False), [line])
        for held in receivers(source, "parameters"):
            if f"{held}.parameters()" not in line.source:
                continue
            for statement in source.assignments(held) + _parts_of(source, held):
                if statement.lineno > line.line:
                    text = "The optimizer is made when the model is complete."
                    made += candidates(text, behind(statement.lineno), [line])
            for model in _models(source, case):
                text = "The optimizer holds the weights of the model that the loss is computed with."
                old, new = f"{held}.parameters()", f"{model}.parameters()"
                made += candidates(text, replace_expression(old, new), [line]) if model != held else []
        return made

    def _by_hand(self, case: Case) -> Decision | None:
        """Weights that the program moves itself, and that do not move."""
        if not case.updates or not case.has("constant-loss"):
            return None
        if case.moves:
            return RuledOut("the program moves its weights by hand, and they move")
        return Found(
            Level.LIKELY,
            0.95,
            case.rate_line,
            [
                Evidence("weights that changed between backward passes", "0", "all"),
                Evidence("optimizer", "none: the program updates its weights by hand"),
            ],
            "Change the weights in place (p -= lr * p.grad under no_grad); p = p - … only binds a new name.",
        )

    def _stale(self, case: Case) -> Found | None:
        """The optimizer that steps holds none of the weights that the backward before it reached."""
        recording = case.recording
        used = self._used(case)
        for update in reversed(case.updates):
            before = [b for b in case.backwards if b.tick < update.tick and b.requires_grad]
            if not before:
                continue
            reached = {p for p in before[-1].reached if self._weight(case, p, used)}
            optimizer = recording.optimizers.get(update.optimizer)
            if optimizer is None or not reached or reached & set(optimizer.parameters):
                return None
            if any(u.optimizer != update.optimizer for u in case.updates if u.tick > before[-1].tick):
                return None
            return Found(
                Level.LIKELY,
                0.97,
                recording.line(optimizer.place),
                [
                    Evidence(
                        "parameters the loss reaches that the optimizer holds",
                        f"0 of {len(reached)} (it holds {len(optimizer.parameters)} others)",
                        "all",
                    )
                ],
                "The optimizer was built for another model or an earlier copy: build it from the model in use.",
            )
        return None

    @staticmethod
    def _used(case: Case) -> set[int]:
        return {p for f in case.recording.all(Forward) for p in f.called}

    @staticmethod
    def _weight(case: Case, number: int, used: set[int]) -> bool:
        """A parameter of a module that ran (one of ``used``), and not an input whose gradient is asked for."""
        seen = case.recording.parameters.get(number)
        return seen is not None and seen.requires_grad and (number in used or bool(seen.name))

    @staticmethod
    def _below(case: Case, missing: set[int], held: set[int]) -> bool:
        """Whether every missing parameter comes before the held ones in the forward pass."""
        order: list[int] = []
        for forward in case.recording.all(Forward):
            order = forward.called
            break
        numbers = {p: i for i, p in enumerate(order)}
        return max((numbers.get(p, p) for p in missing), default=0) < min((numbers.get(p, p) for p in held), default=0)

    @staticmethod
    def _loaded(case: Case) -> bool:
        return any(w.operation == "load_state_dict" for w in case.recording.all(ParametersWritten))

    @staticmethod
    def _built(case: Case, loose: set[int]) -> Line | None:
        places = [case.recording.parameters[p].place for p in sorted(loose)]
        line = next((case.recording.line(p) for p in places if p is not None), None)
        if line is None:
            return case.optimizer_line
        # `self.layers.append(Linear(…))`: the plain list itself is what has to change.
        source = SourceFile(case.recording, line.file)
        for call in source.calls_of("append"):
            if call.lineno <= line.line <= (call.end_lineno or call.lineno) and isinstance(call.func, ast.Attribute):
                made = source.assignments(ast.unparse(call.func.value))
                if made:
                    return source.line(made[0].lineno)
        return line


def _falls_further(control: Case, trial: Case) -> bool:
    """A fifth lower at the end; or twice as far down, where the control hardly moves."""
    start = control.first_value
    twice = start - last(trial) > 2 * max(start - last(control), 0.0)
    return clearly_lower(control, trial) or (twice and clearly_lower(control, trial, 1.0))


def _parts_of(source: SourceFile, model: str) -> list[ast.stmt]:
    """Statements that give the model another part: ``net.head = …``."""
    return [
        node
        for node in source.nodes()
        if isinstance(node, ast.Assign) and any(ast.unparse(t).startswith(f"{model}.") for t in node.targets)
    ]


def _models(source: SourceFile, case: Case) -> list[str]:
    """What is called where the loss is computed, as source."""
    main = case.main_call
    line = case.call_line(main) if main is not None else None
    return models(source, line.line) if line is not None and line.file == source.file else []


def _selected(source: SourceFile, line: Line) -> tuple[str, str, bool] | None:
    """Of an optimizer that is given a selection of a model's weights: its class, the model, and whether it is a list."""
    for node in source.nodes():
        if not (isinstance(node, ast.Call) and node.lineno <= line.line <= (node.end_lineno or node.lineno)):
            continue
        if node.args and isinstance(node.args[0], (ast.GeneratorExp, ast.ListComp)):
            over = node.args[0].generators[0]
            named = over.iter.func if isinstance(over.iter, ast.Call) else None
            if over.ifs and isinstance(named, ast.Attribute) and named.attr in ("named_parameters", "parameters"):
                return (
                    ast.unparse(node.func).rsplit(".", 1)[-1],
                    ast.unparse(named.value),
                    isinstance(node.args[0], ast.ListComp),
                )
    return None

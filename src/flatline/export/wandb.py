"""Weights & Biases, offline: a run with the curves, the verdict in its summary and as an artifact, the events in a table."""

from __future__ import annotations

from pathlib import Path

from flatline.export.content import Content

DEFAULT = "."
PACKAGE = "wandb"


def export(made: Content, into: Path) -> str:
    """Writes an offline run into ``into/wandb``; nothing is sent anywhere. How to send it, if that is wanted.

    Raises:
        ModuleNotFoundError: wandb is not installed.
        OSError: the folder cannot be written.
    """
    import wandb

    into.mkdir(parents=True, exist_ok=True)
    # Offline whatever the environment says, and of this machine nothing but what the record holds.
    settings = wandb.Settings(
        mode="offline", console="off", silent=True, disable_git=True, disable_code=True, x_disable_stats=True,
        x_disable_meta=True, x_disable_machine_info=True, save_code=False,
    )  # fmt: skip
    run = wandb.init(project="flatline", name=made.run, dir=str(into), config=made.settings, settings=settings)
    folder = Path(run.settings.sync_dir)
    # The curves are over the optimizer's steps, which may come in any order beside a person's own.
    run.define_metric("flatline/step")
    run.define_metric("flatline/*", step_metric="flatline/step")
    for step, values in made.by_step().items():
        run.log({"flatline/step": step, **values})
    if made.events:
        rows = [[event.step, event.kind, event.text] for event in made.events]
        run.log({"flatline/events": wandb.Table(columns=["step", "kind", "text"], data=rows)})
    run.summary.update({"flatline/verdict": made.summary, "flatline/healthy": made.healthy})
    artifact = wandb.Artifact(f"flatline-{made.run}", type="verdict", description=made.summary)
    for name, text in (("verdict.md", made.markdown), ("verdict.json", made.json.decode())):
        with artifact.new_file(name, mode="w", encoding="utf-8") as file:
            file.write(text)
        # An artifact's files wait outside the folder until they are sent: these lie in it.
        beside = Path(run.dir) / name
        beside.write_text(text, encoding="utf-8")
        run.save(str(beside), base_path=run.dir, policy="end")
    run.log_artifact(artifact)
    run.finish()
    # Its own process writes the file, after `finish`.
    wandb.teardown()
    return f"{folder}; to send it: wandb sync {folder}"

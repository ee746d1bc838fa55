"""MLflow: a run with the curves as metrics, the verdict and the events as artifacts, in a database file or a folder."""

from __future__ import annotations

import os
from pathlib import Path

from flatline.export.content import Content

DEFAULT = "mlflow.db"
PACKAGE = "mlflow"
# What MLflow takes at once (mlflow.utils.validation.MAX_METRICS_PER_BATCH).
BATCH = 1000


def export(made: Content, into: Path) -> str:
    """Writes a run into the SQLite file ``into`` (``*.db``), or else into a folder like ``mlruns``; how to look at it.

    Raises:
        ModuleNotFoundError: mlflow, or for a database SQLAlchemy, is not installed.
        OSError: it cannot be written.
    """
    into = into.absolute()
    database = into.suffix in (".db", ".sqlite", ".sqlite3")
    (into.parent if database else into).mkdir(parents=True, exist_ok=True)
    if database:
        import sqlalchemy  # type: ignore[import-not-found, unused-ignore] # noqa: F401 — MLflow hides that it is missing
    # MLflow asks for this before it writes folders: they get no new features.
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.tracking import MlflowClient

    uri = f"sqlite:///{into}" if database else into.as_uri()
    client = MlflowClient(uri, registry_uri=uri)
    found = client.get_experiment_by_name("flatline")
    place = (into.parent / f"{into.stem}-artifacts").as_uri() if database else None
    experiment = (
        found.experiment_id if found is not None else client.create_experiment("flatline", artifact_location=place)
    )
    run = client.create_run(experiment, run_name=made.run).info.run_id
    params = [Param(name, value[:500]) for name, value in made.settings.items()]
    tags = [RunTag("flatline.healthy", str(made.healthy)), RunTag("mlflow.note.content", made.markdown)]
    client.log_batch(run, params=params, tags=tags)
    metrics = [
        Metric(curve.name, value, 0, step) for curve in made.curves for step, value in zip(curve.steps, curve.values)
    ]
    for at in range(0, len(metrics), BATCH):
        client.log_batch(run, metrics=metrics[at : at + BATCH])
    client.log_text(run, made.markdown, "flatline/verdict.md")
    client.log_text(run, made.json.decode(), "flatline/verdict.json")
    client.log_text(run, "".join(f"{e.step}\t{e.kind}\t{e.text}\n" for e in made.events), "flatline/events.tsv")
    client.set_terminated(run)
    return f"run {run} in {into}; look at it: mlflow ui --backend-store-uri {uri}"

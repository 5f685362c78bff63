"""What checks look at in verdicts: what a gate asked for, what it saw, and whether that is so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlcourse import logged_runs, run_files
from mlcourse.answers import apart
from mlcourse.models import evaluated
from mlworkbench.tasks import NotYetError
from mlworkbench.verdict import VERDICT_TAG, Verdict

if TYPE_CHECKING:
    from mlflow.entities import Run

_AS_IT_IS = "Give what `wb.validate(…)` returns, as it is."


def verdict_run(answer: Any) -> Run:
    """The run of a verdict that `wb.validate` gave and logged."""
    if not isinstance(answer, Verdict):
        raise NotYetError(f"verdict is of type {type(answer).__name__}.", "Give what `wb.validate(…)` returns.")
    run = logged_runs.finished_run(answer.run_id, "verdict.run_id")
    if VERDICT_TAG not in run.data.tags:
        raise NotYetError(f"The run {run.info.run_name!r} holds no verdict.", "Give what `wb.validate(…)` returns.")
    return run


def demand(verdict: Verdict, metric: str) -> str:
    """What the gate demanded of a metric, in words."""
    if not {"metric", "candidate", "wanted"} <= set(getattr(verdict.table, "columns", ())):
        raise NotYetError("The table of the verdict is not that of a gate.", _AS_IT_IS)
    wanted = dict(zip(verdict.table["metric"].map(str), verdict.table["wanted"].map(str), strict=True))
    if metric not in wanted:
        raise NotYetError(f"The gate looked at {', '.join(wanted)}.", f"Add a threshold for {metric}.")
    return wanted[metric]


def as_logged(verdict: Verdict, run: Run) -> None:
    """A verdict is the one that its run has logged."""
    import mlflow

    run_files.artifact(run, "verdict.txt", "`wb.validate`")
    text = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/verdict.txt")
    said = "passed" if verdict else "refused"
    if text.split() != repr(verdict).split() or run.data.tags[VERDICT_TAG] != said:
        raise NotYetError(f"The verdict says {said!r}, and is not the one that its run has logged.", _AS_IT_IS)


def saw(run: Run, role: str, metric: str, expected: dict[str, float]) -> None:
    """What a gate saw of its candidate or baseline is what that model says of the test rows."""
    found = [child for child in logged_runs.children(run) if child.info.run_name == role]
    if not found:
        raise NotYetError(f"The run {run.info.run_name!r} has no run {role!r} below it.", _AS_IT_IS)
    told = logged_runs.metric(found[0], metric)
    if not evaluated.agree(told, expected[metric]):
        seen, right = apart(told, expected[metric])
        words = metric.removesuffix("_score").replace("_", " ")
        raise NotYetError(
            f"The gate saw {'an' if words[0] in 'aeiou' else 'a'} {words} of {seen} for the {role}; on the test rows "
            f"it is {right}.",
            "Give the test rows to wb.validate: the model has seen the other ones.",
        )
    evaluated.as_computed(found[0], expected)

"""What task 9 of part 4 begins with: a week in which a step was reused, although what it reads had changed."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mlflow.entities import Run

WEEK, DAYS = "week", ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
STEP, FILE, TAKINGS = "count", "till.csv", "takings"
_FEWEST_NEW = 2
_SCRIPT = """import csv
import sys

import mlflow

with open(sys.argv[1]) as file:
    takings = sum(float(row["amount"]) for row in csv.DictReader(file))
with mlflow.start_run():
    mlflow.log_metric("takings", takings)
"""
_MLPROJECT = """name: till

entry_points:
  count:
    parameters:
      file: string
    command: "python count.py {file}"
"""


class Week(NamedTuple):
    """The run of a week with a run below it for each day, the project of the step, and the file that it reads."""

    run: Run
    project: Path
    file: Path


def delivery(number: int) -> str:
    """What a till delivers: the amounts of a day. The same number gives the same amounts."""
    amounts = random.Random(number)  # noqa: S311 (no secret)
    return "amount\n" + "".join(f"{amounts.randint(100, 9999) / 100:.2f}\n" for _ in range(40))


def takings(text: str) -> float:
    """The sum of the amounts of a delivery."""
    return sum(map(float, text.split()[1:]))


def stale_week(folder: Path) -> Week:
    """Let a week pass in which each day a till delivers into one and the same file, and a step counts it.

    On Monday the till delivers for the first time. On some of the other days the file is still that of Monday.

    Returns
    -------
    Week
        On which days the file was another one is another matter of luck each time.
    """
    import mlflow

    from mlworkbench.projects.steps import run_step

    project, file = folder / "till", folder / FILE
    project.mkdir()
    (project / "count.py").write_text(_SCRIPT)
    (project / "MLproject").write_text(_MLPROJECT)
    later = range(2, len(DAYS) + 1)
    new = random.sample(later, random.choice(range(_FEWEST_NEW, len(later))))  # noqa: S311 (no secret)
    with mlflow.start_run(run_name=WEEK) as week:
        for number, day in enumerate(DAYS, start=1):
            file.write_text(delivery(number if number in new else 1))
            with mlflow.start_run(run_name=day, nested=True):
                mlflow.log_artifact(str(file))
                run_step(project, STEP, file=str(file))
    return Week(week, project, file)

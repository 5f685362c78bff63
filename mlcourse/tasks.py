"""All tasks of the course in order (entry-point group ``mlworkbench.tasks``); those of lessons have a solution."""

from __future__ import annotations

from functools import partial

from mlcourse import appendix, market, models, projects, questions, registry, tracking
from mlcourse.solutions import worked
from mlworkbench.tasks import Task


def _with_solution(name: str, task: Task) -> Task:
    """Tasks of assignments, whose names begin with a small letter, are handed in: they have none."""
    return task if name[0].islower() else task._replace(solution=partial(worked, name))


PARTS = (tracking, models, registry, projects, market, questions, appendix)
TASKS = {name: _with_solution(name, task) for part in PARTS for name, task in part.TASKS.items()}

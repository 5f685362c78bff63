"""All tasks of the course in order (entry-point group ``mlworkbench.tasks``); those of lessons have a solution."""

from __future__ import annotations

from functools import partial

from mlcourse import market, models, projects, registry, tracking
from mlcourse.solutions import worked
from mlworkbench.tasks import Task


def _with_solution(name: str, task: Task) -> Task:
    return task._replace(solution=partial(worked, name)) if name[0].isdigit() else task


_PARTS = (tracking, models, registry, projects, market)
TASKS = {name: _with_solution(name, task) for part in _PARTS for name, task in part.TASKS.items()}

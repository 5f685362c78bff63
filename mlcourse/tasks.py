"""All tasks of the course in order (entry-point group ``mlworkbench.tasks``)."""

from __future__ import annotations

from mlcourse import market, models, projects, questions, registry, tracking

_PARTS = (tracking, models, registry, projects, market, questions)
TASKS = {name: task for part in _PARTS for name, task in part.TASKS.items()}

"""All tasks of the course in order (entry-point group ``mlworkbench.tasks``)."""

from __future__ import annotations

from mlcourse import market, models, projects, registry, tracking

TASKS = {name: task for part in (tracking, models, registry, projects, market) for name, task in part.TASKS.items()}

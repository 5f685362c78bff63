"""All tasks of the course in order (entry-point group ``mlworkbench.tasks``)."""

from __future__ import annotations

from mlcourse import appendix, market, models, projects, registry, tracking

PARTS = (tracking, models, registry, projects, market, appendix)
TASKS = {name: task for part in PARTS for name, task in part.TASKS.items()}

"""Part 2, models: the checks of its lessons and its assignment."""

from mlcourse.models import assignment, lessons

TASKS = lessons.TASKS | assignment.TASKS

"""Part 3, the registry: the checks of its lessons and its assignment."""

from mlcourse.registry import assignment, lessons

TASKS = lessons.TASKS | assignment.TASKS

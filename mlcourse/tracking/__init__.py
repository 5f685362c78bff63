"""Part 1, tracking: the checks of its lessons and its assignment."""

from mlcourse.tracking import assignment, lessons

TASKS = lessons.TASKS | assignment.TASKS

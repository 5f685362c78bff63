"""Part 4, projects: the checks of its lessons and its assignment."""

from mlcourse.projects import assignment, lessons

TASKS = lessons.TASKS | assignment.TASKS

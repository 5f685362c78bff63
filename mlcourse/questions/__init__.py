"""Part 6, answers in words: the help desk, and the checks of its lessons and its assignment."""

from mlcourse.questions import assignment, lessons

TASKS = lessons.TASKS | assignment.TASKS

"""Part 5, the stock market: the checks of its lessons and its assignment."""

from mlcourse.market import assignment, lessons, pilot_lessons

TASKS = lessons.TASKS | pilot_lessons.TASKS | assignment.TASKS

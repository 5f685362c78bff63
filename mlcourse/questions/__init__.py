"""Part 6, answers in words: the help desk, and the checks of its lessons."""

from mlcourse.questions import lessons

TASKS = lessons.TASKS

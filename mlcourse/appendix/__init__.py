"""The appendix: the checks of its lessons."""

from mlcourse.appendix import known_then, lessons

TASKS = lessons.TASKS | known_then.TASKS

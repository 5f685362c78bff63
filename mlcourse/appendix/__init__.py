"""The appendix: the checks of its lessons."""

from mlcourse.appendix.lessons import TASKS as TASKS

"""The course: checks of every lesson and assignment by part, the runner, progress, release and reset of exercises.

A learner meets it as `wb.check` and `wb.hint`, and as the verbs ``run``, ``lessons``, ``progress`` and ``reset`` of
the command ``mlworkbench``, which finds both by entry points. It imports `stock_market` and `mlworkbench`, and neither
of them ever imports it. It never logs a run of its own: it looks at those of the learner.
"""

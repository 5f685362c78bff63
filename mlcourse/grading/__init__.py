"""Grading: a submission runs apart and leaves answers as data; a second process, which loads nothing of it, judges.

``collect`` takes what was handed in, ``submissions`` reads it, ``classroom`` grades all of an assignment and ``export``
writes what came of it. ``preprocessor`` puts the ``sandbox`` into nbgrader: it starts ``execute`` in the learner's
process and ``judge`` in the second one, both shut in by ``confinement`` and, if asked for, in a ``container`` each.
``answers`` go from one to the other, and both have ``limits``.
"""

"""Grading: a submission runs apart and leaves answers as data; a second process, which loads nothing of it, judges.

``submission`` runs in the learner's process, ``judge`` in the second one, both shut in by ``confinement``. ``apart``
starts them, watches them and ends what they leave; ``preprocessor`` puts that into nbgrader, and ``classroom`` grades
all submissions of an assignment.
"""

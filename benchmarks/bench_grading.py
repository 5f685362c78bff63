"""A class of thirty hands in part 1: packaged, collected, graded, exported and read back; how long it takes.

``python -m benchmarks.bench_grading 3`` tries it with the first three.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from benchmarks.measure import note, require_quiet
from mlcourse.grading.classroom import grade_class
from mlcourse.grading.collect import collect
from mlcourse.grading.export import export
from mlcourse.student_archive import package
from tests.mlcourse.classes import NAMES, POINTS, hand_in_class
from tests.paths import ROOT

MINUTES = 15  # for thirty submissions, on two cores


def measure(number: int, place: Path) -> bool:
    """One class in a clone of its own; whether it was graded in time."""
    course, seconds, begun = place / "course", {}, time.perf_counter()
    shutil.copytree(ROOT / "notebooks", course / "notebooks", ignore=shutil.ignore_patterns("__pycache__"))
    hand_in_class(place / "class", number)

    def done(step: str) -> None:
        seconds[step] = time.perf_counter() - begun - sum(seconds.values())

    package(place / "learners.zip", ROOT)
    done("package")
    table = collect(place / "class", course)
    assert (table.happened == "collected").all()  # noqa: S101
    done("collect")
    before = computed()
    grade_class("tracking", root=course)
    done("grade")
    busy = computed() - before
    os.chdir(course)
    grades, progress, feedback = export()
    done("export")
    print(*(f"{step} {each:.0f} s" for step, each in seconds.items()), sep=", ")
    check(number, pd.read_csv(grades).set_index("student"), pd.read_csv(progress), feedback)
    most = MINUTES * 60 * number / len(NAMES)
    return note(
        f"{number} submissions of part 1, two thirds of them whole, are graded",
        f"{seconds['grade']:.0f} s on {os.cpu_count()} cores, {busy:.0f} s of computing",
        wanted=f"at most {most / 60:.3g} minutes",
        reached=seconds["grade"] <= most,
    )


def computed() -> float:
    """Seconds of computing of all processes that have ended."""
    return sum(os.times()[2:4])


def check(number: int, grades: pd.DataFrame, progress: pd.DataFrame, feedback: Path) -> None:
    """Assert that everybody has the points that they have earned, in both files and in the feedback."""
    assert sorted(grades.index) == sorted(NAMES[:number])  # noqa: S101
    for index, name in enumerate(NAMES[:number]):
        earned = POINTS[index % len(POINTS)]
        assert grades.points[name] == earned, (name, grades.points[name])  # noqa: S101
        assert progress[progress.student == name].points.sum() == earned  # noqa: S101
        assert (feedback / name / "01_tracking" / "tracking.html").exists() == (earned > 0)  # noqa: S101
    print(f"{number} learners with {', '.join(map(str, POINTS))} points in turn, all read back")


if __name__ == "__main__":
    require_quiet()
    with tempfile.TemporaryDirectory(prefix="class-") as folder:
        sys.exit(not measure(int(sys.argv[1]) if sys.argv[1:] else len(NAMES), Path(folder)))

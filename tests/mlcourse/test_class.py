"""What a class hands in is collected, graded, exported and read back, under whatever names it comes."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from mlcourse.commands import course
from mlcourse.grading.classroom import grade_class
from mlcourse.grading.collect import collect
from mlcourse.grading.confinement import enforced
from mlworkbench.errors import NotebookError
from tests.mlcourse.classes import NAMES, PART, POINTS, SOLUTION, hand_in_class
from tests.paths import ROOT

pytestmark = pytest.mark.processes


@pytest.fixture
def hand_in(tmp_path: Path) -> Callable[..., None]:
    """Put a notebook into the folder that a teacher has got."""

    def put(place: str, content: bytes = SOLUTION.read_bytes()) -> None:
        path = tmp_path / "class" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    return put


def submitted(clone: Path) -> dict[str, Path]:
    places = (clone / ".mlworkbench" / "course" / "submitted").glob(f"*/{PART}/tracking.ipynb")
    return {path.parents[1].name: path for path in places}


def told(clone: Path) -> dict[str, str]:
    table = collect(clone / "class", clone)
    assert list(table) == ["file", "student", "assignment", "happened"]
    return dict(zip(table.file, table.happened, strict=True))


def run(*words: str) -> str:
    done = CliRunner().invoke(course, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize(
    "place",
    [
        "Zoë Müller/tracking.ipynb",
        "Zoë Müller_tracking.ipynb",
        "Zoë Müller-01_tracking (1).ipynb",
        f"{unicodedata.normalize('NFD', 'Zoë Müller')}/01_tracking/tracking.ipynb",
        "Zoë Müller_5512_assignsubmission_file_/my work.ipynb",
    ],
)
def test_every_usual_place_of_a_notebook_tells_whose_it_is(
    clone: Path, hand_in: Callable[..., None], place: str
) -> None:
    hand_in(place)
    (happened,) = told(clone).values()
    assert happened.startswith("collected")
    assert ("was called" in happened) == ("my work" in place or "(1)" in place)
    assert submitted(clone)["Zoë Müller"].read_bytes() == SOLUTION.read_bytes()


def test_a_name_that_nbgrader_takes_for_a_pattern_is_written_otherwise(
    clone: Path, hand_in: Callable[..., None]
) -> None:
    hand_in("Jürgen [Gast]/tracking.ipynb")
    assert set(told(clone).values()) == {"collected"}
    place = submitted(clone)["Jürgen (Gast)"].parents[1]
    place.rename(place.with_name("Jürgen [Gast]"))
    (happened,) = grade_class("tracking", root=clone).happened
    assert happened.startswith("not graded: nbgrader knows no learner with one of []*? in the name; rename")


def test_a_notebook_that_nobody_can_read_is_collected_by_its_name(clone: Path, hand_in: Callable[..., None]) -> None:
    hand_in("ada/tracking.ipynb", b'{"cells": [')
    hand_in("bob/Tracking final.ipynb", b"")
    assert set(told(clone)) == {"ada/tracking.ipynb", "bob/Tracking final.ipynb"}
    assert set(submitted(clone)) == {"ada", "bob"}


def test_the_checks_tell_the_assignment_and_not_the_name(clone: Path, hand_in: Callable[..., None]) -> None:
    models = (ROOT / "notebooks" / "exercises" / "02_models" / "models.ipynb").read_bytes()
    hand_in("ada/tracking.ipynb", models)
    assert told(clone) == {"ada/tracking.ipynb": "collected; was called tracking.ipynb"}
    kept = clone / ".mlworkbench" / "course" / "submitted" / "ada" / "02_models" / "models.ipynb"
    assert kept.read_bytes() == models


def test_doubled_names_are_told_and_none_of_them_is_guessed(clone: Path, hand_in: Callable[..., None]) -> None:
    for place in ("Zoé/tracking.ipynb", unicodedata.normalize("NFD", "Zoé") + "/tracking.ipynb"):
        hand_in(place)
    hand_in("ada/tracking.ipynb")
    hand_in("Ada_tracking.ipynb")
    hand_in("bob/tracking.ipynb")
    hand_in("bob/tracking-Copy1.ipynb", b'{"cells": [')
    hand_in("eve/a.ipynb")
    hand_in("eve/b.ipynb")
    happened = told(clone)
    assert happened["ada/tracking.ipynb"].startswith("not collected: Ada_tracking.ipynb is of the same learner")
    assert happened["Ada_tracking.ipynb"].startswith("not collected: ada/tracking.ipynb is of the same learner")
    assert happened["eve/a.ipynb"].startswith("not collected: eve/b.ipynb")
    assert happened["bob/tracking-Copy1.ipynb"] == "left aside: tracking.ipynb counts"
    assert set(submitted(clone)) == {"bob"}
    assert submitted(clone)["bob"].read_bytes() == SOLUTION.read_bytes()


def test_what_is_handed_in_again_replaces_what_was(clone: Path, hand_in: Callable[..., None]) -> None:
    hand_in("Zoë/tracking.ipynb", b"")
    assert set(told(clone).values()) == {"collected"}
    shutil.rmtree(clone / "class")
    hand_in("zoë_tracking.ipynb")
    assert set(told(clone).values()) == {"collected; replaces an earlier one"}
    assert set(told(clone).values()) == {"collected"}
    assert {name: path.read_bytes() for name, path in submitted(clone).items()} == {"Zoë": SOLUTION.read_bytes()}


def test_other_files_are_told_and_left_where_they_are(clone: Path, hand_in: Callable[..., None]) -> None:
    hand_in("tracking.ipynb")
    hand_in("ada/work.zip", b"PK")
    hand_in("ada/notes.txt", b"")
    hand_in("ada/.ipynb_checkpoints/tracking-checkpoint.ipynb")
    hand_in("__MACOSX/ada/._tracking.ipynb", b"")
    hand_in("bob/poem.ipynb", b"{}")
    (clone / "secret.ipynb").write_text("mine")
    (clone / "class" / "bob" / "tracking.ipynb").symlink_to(clone / "secret.ipynb")
    assert told(clone) == {
        "tracking.ipynb": "not collected: nobody's; call it NAME_tracking.ipynb",
        "ada/work.zip": "not collected: unpack it first",
        "ada/notes.txt": "not collected: no notebook",
        "bob/poem.ipynb": "not collected: of no assignment; call it NAME_tracking.ipynb",
        "bob/tracking.ipynb": "not collected: a link",
    }
    assert not submitted(clone)
    shutil.rmtree(clone / "class")
    (clone / "class").mkdir()
    with pytest.raises(NotebookError, match="no files in"):
        collect(clone / "class", clone)


@pytest.mark.parametrize("words", [["export"], ["package", "out.zip"]])
def test_what_needs_nbgrader_says_how_to_get_it(clone: Path, words: list[str]) -> None:
    code = f"import sys; sys.modules['nbgrader'] = None; from mlcourse.commands import course; course({words})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "Expected: the group course." in done.stderr
    assert "mlworkbench add course" in done.stderr
    assert not (clone / "out.zip").exists()


FORMULA = '=HYPERLINK("x")'


@pytest.mark.skipif(not enforced(), reason="this system cannot shut a process in")
@pytest.mark.timeout(3600)  # four submissions are graded, however busy the machine is
def test_a_class_is_collected_graded_exported_and_read_back(clone: Path, hand_in: Callable[..., None]) -> None:
    hand_in_class(clone / "class", 3)
    hand_in(f"{FORMULA}/tracking.ipynb", b"")
    assert run("collect", "class").count(" collected") == 4
    run("grade")
    shown = run("export", "--to", "grades").splitlines()
    assert [Path(line).name for line in shown] == ["grades.csv", "progress.csv", "feedback"]
    assert not any(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO) for path in (clone / "grades").glob("*.csv"))
    grades = pd.read_csv("grades/grades.csv").set_index("student")
    assert grades.points.to_dict() == {**dict(zip(NAMES, POINTS, strict=False)), f"'{FORMULA}": 0}
    assert grades.loc[NAMES[0], ["handed_in", "of", "by_hand"]].tolist() == ["yes", 28, 4]
    progress = pd.read_csv("grades/progress.csv").set_index(["student", "task"])
    assert progress.points.groupby("student").sum().to_dict() == grades.points.to_dict()
    assert progress.loc[(NAMES[0], "tracking.2"), ["title", "points", "of", "outcome"]].tolist() == [
        "the right score (2 points)", 2, 2, "Passed",
    ]  # fmt: skip
    assert progress.loc[(NAMES[1], "tracking.8"), "outcome"] == "Not yet"
    assert progress.loc[NAMES[0], "outcome"].value_counts().to_dict() == {"Passed": 11, "waits for the teacher": 2}
    feedback = {path.parents[1].name: path.read_text() for path in Path(shown[-1]).glob(f"*/{PART}/tracking.html")}
    assert set(feedback) == set(NAMES[:2])
    assert "Replace the dots in filter_string" in feedback[NAMES[1]] or "Not attempted" in feedback[NAMES[1]]
    excel = (clone / "grades" / "grades.csv").read_bytes()
    assert excel.startswith(b"\xef\xbb\xbf")
    assert not [line for line in excel.decode("utf-8-sig").splitlines() if line.startswith("=")]

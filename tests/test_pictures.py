"""The pictures of the lessons are as new as what they show."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from mlcourse.lessons import Lesson, lessons
from tests.paths import ROOT

pytestmark = pytest.mark.processes

SCRIPT = ROOT / "docs" / "screenshots.py"
PICTURES = ROOT / "notebooks" / "images"
MOST_BYTES = 300_000
FEWEST_WORDS = 6


@pytest.fixture(scope="module")
def screenshots() -> ModuleType:
    spec = importlib.util.spec_from_file_location("screenshots", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_picture_is_older_than_what_it_shows(screenshots: ModuleType) -> None:
    assert not screenshots.out_of_date(), "`make screenshots` makes them anew"


@pytest.mark.parametrize(
    ("source", "stale"),
    [
        ("mlflow.log_metric('accuracy', 1)", True),
        ('wb.check("1.1", parent=mine)', False),
        ("# run it here\n\nmine = ...", False),
    ],
)
def test_what_a_lesson_logs_makes_its_picture_old_and_its_task_does_not(
    screenshots: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: str, stale: bool
) -> None:
    (lesson,) = lessons(["1.1"], root=ROOT)
    notebook = json.loads(lesson.path.read_text(encoding="utf-8"))
    notebook["cells"].append({"cell_type": "code", "source": [source]})
    changed = Lesson("1.1", tmp_path / "changed.ipynb")
    changed.path.write_text(json.dumps(notebook), encoding="utf-8")
    before = screenshots.digest("1.1")
    monkeypatch.setattr(screenshots, "lessons", lambda *_, **__: [changed])
    assert (screenshots.digest("1.1") != before) == stale


def test_another_place_makes_a_picture_old(screenshots: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    before = screenshots.digest("1.1")
    monkeypatch.setitem(screenshots.LOOKS, "1.1", screenshots.LOOKS["1.1"]._replace(shows="another place"))
    assert screenshots.digest("1.1") != before
    assert "1.1" in screenshots.out_of_date()


@pytest.mark.parametrize(("number", "stale"), [(0, True), (-1, False)])
def test_the_picture_of_lab_gets_old_with_the_first_cells_of_its_lesson(
    screenshots: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: int, stale: bool
) -> None:
    (lesson,) = lessons([screenshots.LAB_LESSON], root=ROOT)
    notebook = json.loads(lesson.path.read_text(encoding="utf-8"))
    notebook["cells"][number]["source"] = ["# Another text"]
    changed = Lesson(lesson.id, tmp_path / "changed.ipynb")
    changed.path.write_text(json.dumps(notebook), encoding="utf-8")
    before = screenshots.digest(screenshots.LAB)
    monkeypatch.setattr(screenshots, "lessons", lambda *_, **__: [changed])
    assert (screenshots.digest(screenshots.LAB) != before) == stale
    assert screenshots.place(screenshots.LAB) == ROOT / "docs" / "images" / "lesson-in-lab.png"


@pytest.mark.parametrize("lesson", lessons(root=ROOT), ids=lambda lesson: lesson.id)
def test_each_lesson_shows_its_picture_and_says_what_is_to_be_seen(lesson: Lesson) -> None:
    cells = json.loads(lesson.path.read_text(encoding="utf-8"))["cells"]
    look = next(text for cell in cells if "## Now look" in (text := "".join(cell["source"]))).partition("## Now look")[
        2
    ]
    up = "../" * (len(lesson.path.relative_to(ROOT / "notebooks").parts) - 1)
    shown = re.search(rf"!\[([^\]]+)\]\({re.escape(up)}images/{re.escape(lesson.id)}\.png\)", look)
    assert shown, f"no picture of {lesson.id} in 'Now look'"
    assert len(shown[1].split()) >= FEWEST_WORDS
    assert (PICTURES / f"{lesson.id}.png").stat().st_size < MOST_BYTES


def test_without_a_browser_it_says_what_to_install_and_changes_nothing() -> None:
    before = {path.name: path.stat().st_mtime_ns for path in PICTURES.iterdir()}
    command = [sys.executable, str(SCRIPT), "1.1"]
    env = {"PATH": "/nowhere", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "apt-get install chromium" in done.stderr
    assert {path.name: path.stat().st_mtime_ns for path in PICTURES.iterdir()} == before

"""A class is graded: nobody gets points that were not earned, nobody harms others, and the teacher is told what was."""

from __future__ import annotations

import functools
import json
import re
import shutil
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pandas as pd
import psutil
import pytest
from click.testing import CliRunner

from mlcourse.commands import course
from mlcourse.exercises import nbgrader_settings
from mlcourse.grading.classroom import grade_class
from mlcourse.grading.confinement import enforced
from mlworkbench.errors import NotebookError
from tests.mlcourse.classes import EXERCISE, NAME, PART, SOLUTION, autograded, hand_in, with_code
from tests.paths import ROOT

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(not enforced(), reason="this system cannot shut a process in"),
    pytest.mark.timeout(3600),  # a whole class is graded, however busy the machine is
]


@pytest.fixture(scope="module")
def clone() -> Iterator[Path]:
    """A teacher's clone which others on the machine may read, as most clones are."""
    folder = Path(tempfile.mkdtemp(prefix="clone-"))
    folder.chmod(0o755)
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns("__pycache__"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def with_twins() -> bytes:
    """The solution with a check cell and an answer cell copied, as happens in Lab."""
    notebook = nbformat.read(SOLUTION, as_version=4)
    for name in ("t1-check", "t2"):
        place = next(i for i, cell in enumerate(notebook.cells) if cell.metadata.nbgrader.get("grade_id") == name)
        notebook.cells.insert(place + 1, nbformat.from_dict(json.loads(json.dumps(notebook.cells[place]))))
    return nbformat.writes(notebook).encode()


def changed_cells() -> bytes:
    """The exercise with checks that ask for nothing, more points, a check cell of one's own, and one taken away."""
    notebook = nbformat.read(EXERCISE, as_version=4)
    for cell in notebook.cells:
        if cell.metadata.nbgrader.get("grade_id", "").endswith("-check"):
            cell.source, cell.metadata.nbgrader["points"] = "True", 100
    own = nbformat.from_dict(json.loads(json.dumps(notebook.cells[6])))
    own.metadata.nbgrader["grade_id"] = "bonus"
    notebook.cells = [*notebook.cells[:9], own, *notebook.cells[10:]]
    return nbformat.writes(notebook).encode()


ANSWERS = "\n".join(
    f"{name} = 'x'" for name in ("my_run_id", "my_predictions", "my_parent_id", "my_filter", "my_choice")
)

FORGERIES = {
    "replaces check": "import mlworkbench as wb\n"
    "class Yes:\n    def __bool__(self): return True\n"
    "wb.check = lambda *a, **k: Yes()\n"
    "import mlworkbench.tasks\nmlworkbench.tasks.check = wb.check\n" + ANSWERS,
    "replaces bool": "from mlworkbench.tasks import Feedback\nFeedback.__bool__ = lambda self: True\n" + ANSWERS,
    "removes asserts": """
        import ast
        class NoAsserts(ast.NodeTransformer):
            def visit_Assert(self, node): return ast.Pass()
        get_ipython().ast_transformers.append(NoAsserts())
        """,
    "edits gradebook": """
        import glob, sqlite3
        for path in glob.glob("CLONE/.mlworkbench/course/gradebook.db"):
            with sqlite3.connect(path) as book:
                book.execute("update grade set auto_score = 99, manual_score = 99")
        """,
    "reads solutions": """
        import json, pathlib
        import mlcourse, mlworkbench
        roots = ["CLONE", "ROOT", *pathlib.Path.cwd().parents, *pathlib.Path(mlcourse.__file__).parents]
        roots += [*pathlib.Path(mlworkbench.__file__).parents, *pathlib.Path("/proc/self/cwd").resolve().parents]
        found = []
        for root in roots:
            for place in ("notebooks/solutions/01_tracking/tracking.ipynb", "tests/mlcourse/test_course_grade.py"):
                try:
                    found.append((pathlib.Path(root) / place).read_text())
                except OSError:
                    pass
        print("FOUND", len(found))
        cells = [c for text in found if text.startswith("{") for c in json.loads(text)["cells"]]
        for cell in (c for c in cells if c["cell_type"] == "code"):
            exec("".join(cell["source"]), globals())
        """,
    "writes verdicts": """
        import json, os, pathlib, mlworkbench
        answers = pathlib.Path(os.environ["MLWORKBENCH_ANSWERS"])
        for place in (answers, answers.parents[1] / "judge", answers.parents[1]):
            try:
                passed = {f"t{n}-check": {"status": "Passed", "message": "!"} for n in range(1, 11)}
                pathlib.Path(place, "verdicts.json").write_text(json.dumps(passed))
            except OSError as error:
                print("REFUSED", error)
        home = pathlib.Path(os.environ["MLWORKBENCH_HOME"])
        (home / "progress.json").write_text(json.dumps({f"tracking.{n}": "Passed" for n in range(1, 11)}))
        """,
    "breaks the judge's packages": """
        import pathlib, mlcourse
        for file in pathlib.Path(mlcourse.__file__).parent.rglob("*.py"):
            try:
                file.write_text("TASKS = {}")
            except OSError:
                pass
        """,
    "deletes fellows": """
        import glob, shutil
        for path in glob.glob("CLONE/.mlworkbench/course/submitted/*"):
            shutil.rmtree(path, ignore_errors=True)
        shutil.rmtree("CLONE", ignore_errors=True)
        """,
    "locks the store": """
        import sqlite3, os
        store = sqlite3.connect(os.environ["MLWORKBENCH_HOME"] + "/mlflow.db", isolation_level=None)
        store.execute("begin exclusive")
        """,
    "deletes experiments": """
        for experiment in mlflow.MlflowClient().search_experiments():
            if experiment.experiment_id != "0":
                mlflow.MlflowClient().delete_experiment(experiment.experiment_id)
        """,
    "ends the graders": """
        import os, signal
        for pid in [os.getppid(), *(int(p) for p in os.listdir("/proc") if p.isdigit())]:
            if pid != os.getpid() and pid > 1:
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
        """,
}


FORGERS = {
    "tricks of the kernel": ("removes asserts", "replaces check", "replaces bool"),
    "files of others": ("reads solutions", "edits gradebook", "writes verdicts", "breaks the judge's packages"),
    "work of others": ("deletes fellows", "deletes experiments", "locks the store"),
    "processes of others": ("ends the graders",),
}


def forgery(clone: Path, *names: str) -> bytes:
    """The exercise with all these attempts in its first cell."""
    code = "\n".join(textwrap.dedent(FORGERIES[name]) for name in names)
    return with_code(code.replace("CLONE", str(clone)).replace("ROOT", str(ROOT)))


@pytest.fixture(scope="module")
def graded(clone: Path) -> pd.DataFrame:
    """What a teacher is told about a class in which some cheat and to some things happen."""
    hand_in(clone, "ada (honest)", SOLUTION.read_bytes())
    for student, names in FORGERS.items():
        hand_in(clone, student, forgery(clone, *names))
    beside = hand_in(clone, "brings packages", EXERCISE.read_bytes())
    for package in ("mlworkbench", "mlcourse"):
        (beside / package).mkdir()
        (beside / package / "__init__.py").write_text("def check(*a, **k): return True\ndef start(*a, **k): ...")
    hand_in(clone, "broken", b'{"cells": [')
    hand_in(clone, "changed cells", changed_cells())
    hand_in(clone, "empty", b"")
    hand_in(clone, "nothing", b"print()", name="notes.txt")
    hand_in(clone, "untouched", EXERCISE.read_bytes())
    hand_in(clone, "zoe (honest)", with_twins(), name="my work.ipynb")
    table = grade_class(PART, root=clone)
    return table.set_index("student")


@pytest.mark.parametrize("student", [*FORGERS, "brings packages", "changed cells", "untouched"])
def test_what_was_not_earned_gets_no_points(graded: pd.DataFrame, student: str) -> None:
    assert graded.loc[student, "points"] == 0
    assert graded.loc[student, "of"] == 24


@pytest.mark.parametrize("student", ["ada (honest)", "zoe (honest)"])
def test_the_honest_get_their_points_whatever_others_do(graded: pd.DataFrame, student: str) -> None:
    assert graded.loc[student, "points"] == 24
    assert graded.loc[student, "by_hand"] == 4


@pytest.mark.parametrize(
    ("student", "told"),
    [
        ("broken", "not graded: tracking.ipynb is no notebook"),
        ("changed cells", "t2-check was missing"),
        ("empty", "not graded: tracking.ipynb is empty"),
        ("nothing", "not graded: tracking.ipynb is missing; there is no notebook"),
        ("zoe (honest)", "was called my work.ipynb"),
        ("zoe (honest)", "t1-check was there twice"),
        ("untouched", "graded"),
    ],
)
def test_the_teacher_is_told_what_happened(graded: pd.DataFrame, student: str, told: str) -> None:
    assert told in graded.loc[student, "happened"]


def test_the_gradebook_and_the_feedback_of_nbgrader_say_the_same(graded: pd.DataFrame, clone: Path) -> None:
    from nbgrader.api import Gradebook

    with Gradebook(nbgrader_settings(clone / "notebooks").CourseDirectory.db_url, "mlworkbench") as book:
        for student in graded.index:
            assert book.find_submission(PART, student).score == graded.loc[student, "points"]
    cells = nbformat.read(autograded(clone, "untouched"), as_version=4).cells
    check = next(cell for cell in cells if cell.metadata.nbgrader.get("grade_id") == "t1-check")
    assert check.outputs[0].evalue.startswith("Replace the dots in run_id")


def test_solutions_cannot_be_read(graded: pd.DataFrame, clone: Path) -> None:
    assert "FOUND 0" in autograded(clone, "files of others").read_text()


def test_nearly_equal_work_is_shown(graded: pd.DataFrame) -> None:
    assert "zoe (honest)" in graded.loc["ada (honest)", "alike"]
    assert not graded.loc["untouched", "alike"]


def test_what_was_handed_in_is_as_it_was(graded: pd.DataFrame, clone: Path) -> None:
    kept = clone / ".mlworkbench" / "course" / "submitted"
    assert Path(kept, "ada (honest)", PART, f"{NAME}.ipynb").read_bytes() == SOLUTION.read_bytes()
    assert Path(kept, "zoe (honest)", PART, "my work.ipynb").read_bytes() == with_twins()
    assert oct((clone / ".mlworkbench" / "course").stat().st_mode)[-3:] == "700"


GREEDY = {
    "says much": "for _ in range(10):\n    print('x' * 10_000_000)\nmy_run_id = 'x'",
    "takes memory": "hoard = []\nwhile True:\n    hoard.append(bytearray(b'x' * 100_000_000))",
    "starts many": "import subprocess\nmany = [subprocess.Popen(['sleep', '987.25']) for _ in range(300)]\n"
    "many[0].wait()",
    "leaves one": "import subprocess\nsubprocess.Popen(['sleep', '987.25'], start_new_session=True, env={})",
    "writes much": "import os\nfor n in range(30):\n    open(f'{n}.bin', 'wb').write(os.urandom(100_000_000))\n"
    "import time\ntime.sleep(600)",
}


def graded_lines(tmp_path: Path, seconds: int, **handed_in: str) -> dict[str, str]:
    """What the table says of learners whose submissions, worth no points, have this code; nothing of theirs runs on."""
    for name, code in handed_in.items():
        hand_in(tmp_path, name, with_code(code))
    begun = time.monotonic()
    done = CliRunner().invoke(course, ["grade", NAME, "--seconds", str(seconds)], catch_exceptions=False)
    assert time.monotonic() - begun < 3000
    assert done.exit_code == 0
    told = {name: next(line for line in done.output.splitlines() if name in line) for name in handed_in}
    assert all(re.search(r"\s0\.0\s+24\.0", line) for line in told.values()), done.output
    return told


def test_greedy_submissions_are_stopped_with_all_that_they_started(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(clone / "notebooks", tmp_path / "notebooks")
    monkeypatch.chdir(tmp_path)
    never = "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
    assert "stopped after 20 s" in graded_lines(tmp_path, 20, never=never)["never"]
    shutil.rmtree(tmp_path / ".mlworkbench" / "course" / "submitted")
    told = graded_lines(tmp_path, 900, **GREEDY)  # stopped by other limits, however slow the machine is
    assert "more than 100 processes" in told["starts many"]
    assert "GB" in told["writes much"]
    assert "GB of memory" in told["takes memory"] or "ended its own kernel" in told["takes memory"]
    assert not [p for p in psutil.process_iter(["cmdline"]) if "987.25" in (p.info["cmdline"] or [])]
    assert autograded(tmp_path, "says much").stat().st_size < 5_000_000


def test_nothing_to_grade_is_told(clone: Path, tmp_path: Path) -> None:
    shutil.copytree(clone / "notebooks", tmp_path / "notebooks")
    with pytest.raises(NotebookError, match="nobody has handed in 01_tracking"):
        grade_class("tracking", root=tmp_path)
    with pytest.raises(NotebookError, match="Did you mean '01_tracking'"):
        grade_class("01_trackin", root=tmp_path)
    assert not list((tmp_path / ".mlworkbench").rglob("*.db"))

"""Writes the page that tells what each check knows, from the docstrings of the checks: ``docs/checks.md``."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from mlcourse.exercises import task_titles
from mlcourse.tasks import TASKS
from mlworkbench.workbook import workbook_root

KINDS = ("Recomputed", "Cross-examined", "Plausible", "Not checked")
INTRODUCTION = """# What the checks know

A number that can be computed on this machine is computed by the check, or taken on trust, which this page then says.

- *Recomputed*: the check computes it itself, from the data, the split and the seed, or by asking the stored model.
- *Cross-examined*: what was logged is compared with something else that was logged or stored.
- *Plausible*: it lies where such a number can lie.
- *Not checked*: with the reason.

No check looks at what MLflow notes of the machine, the user and the names in its own tags, nor at the fingerprints in
the tags `mlworkbench.…`, which only the files of that time could give again; that they are there is looked at. Only the
steps of the tasks 5 and 9 of part 4 are compared with files, which lie there as long as their notebook runs.

That a project was run is told by MLflow's tags, which can be set by hand as well: what such a run has logged is
computed again. A rerun is more than its tags, it holds the executed notebook and the runs that this has made.

This page is made from the checks: `python -m mlcourse.checks_page`.

| task | | recomputed | cross-examined | plausible | not checked |
|---|---|---|---|---|---|
"""


def known(task: str) -> dict[str, str]:
    """What the check of a task recomputes, cross-examines, finds plausible and does not check."""
    text = " ".join((inspect.getdoc(TASKS[task].function) or "").split())
    parts = re.split(rf"({'|'.join(KINDS)}): ", text)
    return {kind: said.strip() for kind, said in zip(parts[1::2], parts[2::2], strict=True)}


def page(root: Path | None = None) -> str:
    """The page as it should be."""
    titles, rows = task_titles(root), []
    for task in TASKS:
        found = known(task)
        rows.append(f"| {task} | {titles[task]} | " + " | ".join(found.get(kind, "") for kind in KINDS) + " |")
    return INTRODUCTION + "\n".join(rows) + "\n"


if __name__ == "__main__":
    (workbook_root() / "docs" / "checks.md").write_text(page(), encoding="utf-8")

"""docs/performance.md: a section for each benchmark, so that one is measured anew without touching the others."""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

import psutil

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
LIBRARIES = ("mlflow", "papermill", "scikit-learn", "xgboost", "keras", "ray")


def write_section(heading: str, body: str, page: Path = PAGE) -> None:
    """Put a section in the place of the one with the same heading, whatever that has in brackets behind it."""
    head, *sections = re.split(r"^## ", page.read_text("utf-8"), flags=re.MULTILINE)
    by_name = {section.splitlines()[0].partition(" (")[0]: section for section in sections}
    by_name[heading] = f"{heading}\n\n{body.strip()}\n"
    ordered = sorted(by_name.items(), key=lambda each: each[0].lower())
    page.write_text("\n".join([head.strip() + "\n", *(f"## {text.strip()}\n" for _, text in ordered)]), "utf-8")


def dated() -> str:
    """The day, and what the figures are of."""
    memory = psutil.virtual_memory().total / 2**30
    python = f"Python {platform.python_version()}"
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    day = time.strftime("%Y-%m-%d")
    return f"{day}: {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}, {python}, {libraries}."


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(str(each).replace('|', chr(92) + '|') for each in line)} |" for line in lines)


def figures(rows: list[dict[str, object]]) -> str:
    """The notes of a benchmark as a table: each target beside its figure, met or not."""
    told = {True: "yes", False: "**no**"}
    columns = ("work", "figure", "spread", "repeats", "wanted")
    lines = [[*(row[name] for name in columns), told[bool(row["reached"])] if row["wanted"] else ""] for row in rows]
    return table([*columns, "reached"], lines)

"""Run every benchmark, or those that are named, and write the figures of each to its section of docs/performance.md."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import NOTES_VARIABLE, busy_cores, require_quiet
from benchmarks.page import PAGE, dated, figures, write_section

HERE = Path(__file__).parent
LONGEST_WAIT, IDLE = 600, 0.3


def settle() -> None:
    """Wait until what the last benchmark has left behind has ended."""
    until = time.monotonic() + LONGEST_WAIT
    while busy_cores() > IDLE and time.monotonic() < until:
        pass


def measured(name: str) -> tuple[bool, list[dict[str, object]]]:
    """Run a benchmark; whether all went well, and what it has noted."""
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder, "notes.jsonl")
        notes.touch()
        command = [sys.executable, "-m", f"benchmarks.{name}"]
        done = subprocess.run(command, env={**os.environ, NOTES_VARIABLE: str(notes)}, check=False)
        return not done.returncode, [json.loads(line) for line in notes.read_text("utf-8").splitlines()]


def section(name: str, well: bool, rows: list[dict[str, object]]) -> str:
    """What a benchmark is of, when and where it was measured, and its figures."""
    docstring = ast.get_docstring(ast.parse((HERE / f"{name}.py").read_text("utf-8"))) or ""
    broke_off = "" if well or not all(row["reached"] for row in rows) else "\n\nIt broke off after these figures."
    return f"{docstring.splitlines()[0]}\n\n{dated()}\n\n{figures(rows)}{broke_off}"


def main(names: list[str], page: Path = PAGE) -> int:
    """Run them one after the other; 1 where one has failed, after all of them."""
    every = sorted(path.stem for path in HERE.glob("bench_*.py"))
    if unknown := set(names) - set(every):
        sys.exit(f"Found: {', '.join(sorted(unknown))}. Expected: {', '.join(every)}. Do this: correct the name.")
    require_quiet()
    failed = []
    for name in names or every:
        settle()
        print(f"-- {name}", flush=True)
        well, rows = measured(name)
        if rows:
            write_section(name, section(name, well, rows), page)
        if not well:
            failed.append(name)
    print(f"{page.name} is written." + (f" Missed or failed: {', '.join(failed)}." if failed else ""))
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

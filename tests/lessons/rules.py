"""The cell contract of a lesson, a function a rule. Each yields what it finds wrong."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

from nbformat import NotebookNode

Problems = Iterator[str]

DEPRECATED = (
    *("transition_model_version_stage", "get_latest_versions", "mlflow.evaluate(", 'artifact_path="model'),
    *("./mlruns", "file:mlruns", "sklearn.externals"),
)
EXEMPT_TAGS = {"nbval-ignore-output", "raises-exception", "nbval-skip", "deprecated-on-purpose"}
MOST_LINES, MOST_FUNCTION_LINES = 15, 10


def code(nb: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in nb.cells if cell.cell_type == "code"]


def prose(nb: NotebookNode) -> str:
    return "\n".join(cell.source for cell in nb.cells if cell.cell_type == "markdown")


def tags(cell: NotebookNode) -> set[str]:
    return set(cell.metadata.get("tags", []))


def section(nb: NotebookNode, heading: str) -> str:
    """Text from a heading to the next one of the same level."""
    return re.split(r"(?m)^## ", prose(nb).partition(heading)[2])[0]


def texts(nb: NotebookNode) -> Iterator[str]:
    """Everything that the outputs say in plain text."""
    for cell in code(nb):
        for output in cell.outputs:
            yield "".join(output.get("text", "") or output.get("data", {}).get("text/plain", ""))


def title(nb: NotebookNode) -> Problems:
    first = nb.cells[0].source
    if not re.match(r"# \w.*\n\n\*\d+ minutes · \w+ · previous: .+ · next: .+\*$", first):
        yield "the first cell is not a title and a line 'N minutes · level · previous · next'"


def objectives(nb: NotebookNode) -> Problems:
    opening = nb.cells[1].source
    for words in ("**You will do:**", "**You will learn to**", "**You need:**"):
        if words not in opening:
            yield f"the second cell lacks {words}"
    if not 3 <= len(re.findall(r"(?m)^- ", opening)) <= 5:
        yield "the second cell has not 3 to 5 objectives"


def parameters_cell(nb: NotebookNode) -> Problems:
    cells = [cell for cell in code(nb) if "parameters" in tags(cell)]
    if len(cells) != 1 or cells[0] is not nb.cells[2]:
        yield "the third cell is not the one parameters cell"
    for cell in cells:
        for line in cell.source.splitlines():
            if not re.match(r"\w+ = (-?[\d._]+|\"[^\"]*\"|'[^']*'|True|False|None|\[.*\])  # \w", line):
                yield f"not a plain literal with a comment: {line}"


def setup_cell(nb: NotebookNode) -> Problems:
    if 'session = wb.start("' not in nb.cells[3].source:
        yield "the fourth cell does not start the session"


def short_cells(nb: NotebookNode) -> Problems:
    for cell in code(nb):
        lines = [line for line in cell.source.splitlines() if line.strip()]
        if len(lines) > MOST_LINES:
            yield f"{len(lines)} lines in a cell: {lines[0]}"


def short_functions(nb: NotebookNode) -> Problems:
    for cell in code(nb):
        for node in ast.walk(ast.parse(re.sub(r"(?m)^[%!].*$", "pass", cell.source))):
            if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= MOST_FUNCTION_LINES:
                yield f"the function {node.name} has over {MOST_FUNCTION_LINES} lines"


def intent_and_reading(nb: NotebookNode) -> Problems:
    """Code stands between words, apart from the parameters and setup cells and an exercise with its check."""
    for before, cell in zip(nb.cells[3:], nb.cells[4:], strict=False):
        if before.cell_type == cell.cell_type == "code" and not cell.source.startswith("wb.check("):
            yield f"no words between two cells: {cell.source.splitlines()[0]}"


def your_turn(nb: NotebookNode) -> Problems:
    if "## Your turn" not in prose(nb):
        yield "no section 'Your turn'"
    if not any("wb.check(" in cell.source for cell in code(nb)):
        yield "no check"


def has_picture(cell: NotebookNode) -> bool:
    """A diagram or a picture in the text, or one that the code shows."""
    if cell.cell_type == "markdown":
        return bool(re.search(r"!\[|(?m:^```mermaid)|<img", cell.source))
    return any(kind.startswith("image/") for output in cell.outputs for kind in output.get("data", {}))


def an_idea_drawn(nb: NotebookNode) -> Problems:
    if not any(has_picture(cell) for cell in nb.cells):
        yield "no figure and no diagram"


def now_look(nb: NotebookNode) -> Problems:
    if "UI" not in section(nb, "## Now look"):
        yield "no section 'Now look' that leads to the UI"


def in_practice(nb: NotebookNode) -> Problems:
    if "https://mlflow.org/docs/" not in section(nb, "## In practice"):
        yield "no 'In practice' with a link to MLflow's page"


def closing(nb: NotebookNode) -> Problems:
    goals = len(re.findall(r"(?m)^- ", nb.cells[1].source))
    ending = section(nb, "## You have")
    if len(re.findall(r"(?m)^- ", ending)) != goals:
        yield "'You have' does not mirror the objectives"
    for words in ("**Three quick questions**", "<details>", "**To discuss:**"):
        if words not in ending:
            yield f"the closing lacks {words}"
    if len(re.findall(r"(?m)^[123]\. ", ending)) != 6:
        yield "not three questions and three answers"


def nothing_typed(nb: NotebookNode) -> Problems:
    """No ids, versions or absolute paths in what a lesson's code says."""
    patterns = {
        "an id": r"\b[0-9a-f]{32}\b",
        "a version": r"\b\d+\.\d+\.\d+\b(?!\.)",
        "an absolute path": r"(?<![\w.:/])/(home|root|tmp|Users|work|var|usr|opt)/|[A-Z]:\\\\",
    }
    for cell in code(nb):
        for what, pattern in patterns.items():
            if re.search(pattern, cell.source.replace("127.0.0.1", "")):
                yield f"{what} typed into: {cell.source.splitlines()[0]}"


def no_paths_shown(nb: NotebookNode) -> Problems:
    for text in texts(nb):
        if re.search(r"(?<![\w.:/])/(home|root|Users|work)/", text):
            yield f"an output shows a path of one machine: {text[:80]}"


def few_digits(nb: NotebookNode) -> Problems:
    for text in texts(nb):
        if found := re.search(r"(?<![\w.])\d+\.\d{4,}", text):
            yield f"more than 3 digits behind the point: {found[0]}"


def seeded(nb: NotebookNode) -> Problems:
    for cell in code(nb):
        if re.search(r"datetime\.now\(|time\.time\(|default_rng\(\)|np\.random\.(rand|choice|normal)", cell.source):
            yield f"time or unseeded chance in: {cell.source.splitlines()[0]}"


def not_deprecated(nb: NotebookNode) -> Problems:
    for cell in code(nb):
        for call in DEPRECATED:
            if call in cell.source and "deprecated-on-purpose" not in tags(cell):
                yield f"{call} is deprecated"


def executed_in_order(nb: NotebookNode) -> Problems:
    counts = [cell.execution_count for cell in code(nb)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"execution counts are {counts}"


def quiet(nb: NotebookNode) -> Problems:
    """No errors and warnings; what MLflow says of a registration is neither, although it goes to stderr."""
    for cell in code(nb):
        for output in cell.outputs:
            said = re.sub(
                r"(Successfully registered|(Created|Copied) version|Registered) .*\n", "", output.get("text", "")
            )
            if output.output_type == "error" or (output.get("name") == "stderr" and said):
                yield f"an error or warning is stored: {cell.source.splitlines()[0]}"


def alt_texts(nb: NotebookNode) -> Problems:
    for cell in code(nb):
        for output in cell.outputs:
            if "image/png" in output.get("data", {}) and not output.metadata.get("image/png", {}).get("alt"):
                yield f"a picture without an alt text: {cell.source.splitlines()[0]}"
    if re.search(r"!\[\]\(|<img(?![^>]*alt=)", prose(nb)):
        yield "a picture in the text without an alt text"


def exempt_with_reason(nb: NotebookNode) -> Problems:
    for cell in code(nb):
        if tags(cell) & EXEMPT_TAGS and not cell.metadata.get("reason"):
            yield f"exempt without a reason: {cell.source.splitlines()[0]}"
        if re.search(r"#\s*(NBVAL_|PYTEST_VALIDATE)", cell.source):
            yield f"exempt by a comment, not by a tag: {cell.source.splitlines()[0]}"


def long_cells_announced(nb: NotebookNode) -> Problems:
    """A cell that takes long has a reason for it, and the words before it speak of the time."""
    for before, cell in zip(nb.cells, nb.cells[1:], strict=False):
        if "takes-long" in tags(cell) and not (
            cell.metadata.get("reason") and re.search(r"\b(takes|seconds|minutes?)\b", before.source)
        ):
            yield f"takes long without a word beforehand: {cell.source.splitlines()[0]}"


RULES: list[Callable[[NotebookNode], Problems]] = [
    *(title, objectives, parameters_cell, setup_cell, short_cells, short_functions, intent_and_reading, your_turn),
    *(in_practice, closing, nothing_typed, no_paths_shown, few_digits, seeded, not_deprecated, executed_in_order),
    *(quiet, alt_texts, exempt_with_reason, long_cells_announced),
]
SEEN: list[Callable[[NotebookNode], Problems]] = [an_idea_drawn, now_look]

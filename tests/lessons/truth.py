"""What a lesson says holds, a function a rule: it is said once, it is shown, and it was computed."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Callable, Iterator

from nbformat import NotebookNode

from tests.lessons.rules import Problems, code, has_picture, tags

FEWEST_WORDS = 5
PICTURE = re.compile(r"\b(figure|image|picture|plot|diagram|chart|curve)s?\b", re.I)
SEEN = re.compile(r"\b(shows?|shown|sees?|seen|above|below|draws?|drawn|stands? out|look)\b", re.I)
OTHER = re.compile(r"\bUI\b|container|Docker")
VERDICT = re.compile(
    r"\b(better|worse|best|worst|none|nobody|nothing|no|all|every|most|never|always|hardly|wins?|loses?|beats?)\b", re.I
)
SAYING = re.compile(r"print|title|set_\w*tags?|log_text|update_(model_version|registered_model)")
TOLD = {"title", "tags", "description", "why"}
CLAIM = re.compile(
    r"\b(refuse[sd]?|rejects?|rejected|not allowed|not possible|impossible|is an error|raises)\b"
    r"|\b(takes?|knows?) no\b(?! part)"
    r"|\bcannot\b(?=.*(MLflow|`))|(MLflow|`|\b(parameter|metric|run|experiment|version|alias)s?\b).*\bcannot\b"
    r"|MLflow.*\b(fails?|does not (take|accept|work|know|allow|read))\b"
)
EVIDENCE = re.compile(r"refus|reject|error|exception|cannot|not allowed|FAILED|✕|✗", re.I)


def plain_code(cell: NotebookNode) -> str:
    """The Python of a cell, without lines for the shell."""
    return re.sub(r"(?m)^[%!].*$", "pass", cell.source)


def paragraphs(text: str) -> list[str]:
    """Paragraphs and list items, without headings, tables and code between fences."""
    text = re.sub(r"(?ms)^```.*?^```|<[^>]+>", "\n\n", text)
    blocks = re.split(r"\n\s*\n|\n(?=\s*(?:[-*|#>]|\d+\.) )", text)
    return [block for block in blocks if block.strip() and not re.match(r"\s*[#|]", block)]


def sentences(text: str) -> list[str]:
    return [each for block in paragraphs(text) for each in re.split(r"(?<=[.!?])[)*_\"”]*\s+", block)]


def told(nb: NotebookNode) -> list[tuple[int, NotebookNode]]:
    """The Markdown cells between the opening and 'You have', which repeat what the lesson is about."""
    cells = list(enumerate(nb.cells))[2:]
    end = next((n for n, cell in cells if cell.source.startswith("## You have")), len(nb.cells))
    return [(n, cell) for n, cell in cells if n < end and cell.cell_type == "markdown"]


def comments(cell: NotebookNode) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(plain_code(cell)).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


def nothing_twice(nb: NotebookNode) -> Problems:
    said = Counter(comment for cell in code(nb) for comment in comments(cell))
    for cell in nb.cells[:1] + [cell for _, cell in told(nb)]:
        words = [" ".join(re.findall(r"[\w']+", sentence)).lower() for sentence in sentences(cell.source)]
        said.update(each for each in words if len(each.split()) >= FEWEST_WORDS)
    yield from (f"said {count} times: {text}" for text, count in said.items() if count > 1)


def pictures_shown(nb: NotebookNode) -> Problems:
    """Words that speak of a picture stand in a section that shows one, or say that the UI does."""
    section, shown, spoken = "", set(), []
    words = dict(told(nb))
    for number, cell in enumerate(nb.cells):
        for part in re.split(r"(?m)^(?=## )", cell.source) if number in words else [cell.source]:
            if number in words and part.startswith("## "):
                section = part.splitlines()[0]
            if has_picture(NotebookNode({**cell, "source": part})):
                shown.add(section)
            if number in words and section != "## Now look":
                spoken += [(section, text) for text in paragraphs(part)]
    for where, text in spoken:
        words_only = re.sub(r"`[^`]*`", "", text)
        if where not in shown and PICTURE.search(words_only) and SEEN.search(words_only) and not OTHER.search(text):
            yield f"'{where}' speaks of a picture and shows none: {text[:90]}"


def typed(node: ast.expr) -> str:
    """A string that holds no value in braces, and is not one of two that a condition chooses from."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return "".join(str(part.value) for part in parts) if all(isinstance(p, ast.Constant) for p in parts) else ""


def sayings(tree: ast.AST) -> Iterator[ast.expr]:
    """What is printed, tagged, described or set as a title, apart from what a condition decides on."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If | ast.ExceptHandler | ast.Match):
            continue
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            computed = name == "print" and not all(map(typed, node.args))
            if SAYING.fullmatch(name) and not computed:
                yield from node.args
            yield from (keyword.value for keyword in node.keywords if keyword.arg in TOLD)
        yield from sayings(node)


def verdicts_computed(nb: NotebookNode) -> Problems:
    """A string that judges holds a value, or a condition chooses it."""
    for cell in code(nb):
        for said in sayings(ast.parse(plain_code(cell))):
            for text in map(typed, said.values if isinstance(said, ast.Dict) else [said]):
                if VERDICT.search(text):
                    yield f"a verdict without a value: {text}"


def is_evidence(cell: NotebookNode) -> bool:
    """A cell that tries what is claimed: nbval compares its output, so that a change turns the test red."""
    if cell.cell_type != "code" or "nbval-ignore-output" in tags(cell):
        return False
    said = "".join(str(o.get("text", "")) + str(o.get("data", {}).get("text/plain", "")) for o in cell.outputs)
    return bool(tags(cell) & {"shows-refusal", "raises-exception"} or EVIDENCE.search(said) or "except" in cell.source)


def claims_shown(nb: NotebookNode) -> Problems:
    """What is said to be refused stands beside a cell that tries it, or is tagged 'not-shown' with a reason."""
    for number, cell in told(nb):
        if "not-shown" in tags(cell) and cell.metadata.get("reason"):
            continue
        beside = [*nb.cells[number - 1 : number], *nb.cells[number + 1 : number + 2]]
        for sentence in sentences(cell.source):
            if CLAIM.search(sentence) and "gate" not in sentence and not any(map(is_evidence, beside)):
                yield f"claimed, and no cell beside it tries it: {sentence[:120]}"


TRUTH: list[Callable[[NotebookNode], Problems]] = [nothing_twice, pictures_shown, verdicts_computed, claims_shown]

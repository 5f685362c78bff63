"""An executed notebook as a page of HTML that loads nothing from anywhere, in a size that a browser can show."""

from __future__ import annotations

import copy
import functools
import threading
from typing import TYPE_CHECKING, Any

from nbformat.v4 import new_output

if TYPE_CHECKING:
    from nbconvert import HTMLExporter
    from nbformat import NotebookNode

LONGEST_TEXT = 100_000
"""The most characters of one text that a page shows."""

LARGEST_PAGE = 20_000_000
"""The most characters of all outputs together that a page shows."""

MOST_OUTPUTS = 500
"""The most outputs of one cell that a page shows."""

_TEMPLATE = """{% extends 'index.html.j2' %}
{% block html_head_js %}{% endblock %}
{% block html_head_js_mathjax %}{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}
{% block jupyter_widgets %}{% endblock %}
"""
"""nbconvert's own page without the scripts that it would load from other people's servers."""

_EXPORTING = threading.Lock()
"""An exporter keeps what it knows of the notebook that it is at, so only one thread uses it at a time."""


def as_page(notebook: NotebookNode) -> str:
    """The HTML of an executed notebook."""
    with _EXPORTING:
        page, _ = _exporter().from_notebook_node(_shortened(notebook))
    return str(page)


@functools.cache
def _exporter() -> HTMLExporter:
    """One for all points: it compiles its templates, which takes longer than using them."""
    from nbconvert import HTMLExporter

    return HTMLExporter(raw_template=_TEMPLATE)  # type: ignore[no-untyped-call]


def _shortened(notebook: NotebookNode) -> NotebookNode:
    """A copy whose texts and outputs are cut where a browser could not show them; each cut is told in its place."""
    shortened = copy.copy(notebook)
    shortened.cells = [copy.copy(cell) for cell in notebook.cells]
    left = LARGEST_PAGE
    for cell in shortened.cells:
        cell.source = _shortened_text(cell.source)
        if outputs := cell.get("outputs"):
            cell.outputs = []
            for output in outputs[:MOST_OUTPUTS]:
                cell.outputs.append(_shortened_output(output, left))
                left -= _size(cell.outputs[-1])
            if len(outputs) > MOST_OUTPUTS:
                cell.outputs.append(_note(f"{len(outputs) - MOST_OUTPUTS:,} more outputs"))
    return shortened


def _shortened_output(output: NotebookNode, left: int) -> NotebookNode:
    output = copy.copy(output)
    if output.output_type == "stream":
        output.text = _shortened_text(output.text)
    elif output.output_type == "error":
        output.traceback = [_shortened_text(line) for line in output.traceback]
    elif len(output.data.get("text/html", "")) > 10 * LONGEST_TEXT:  # half a table is no table
        return _note(f"a table of {len(output.data['text/html']):,} characters")
    else:
        texts = {kind: _shortened_text(value) for kind, value in output.data.items() if kind == "text/plain"}
        output.data = {**output.data, **texts}
    return output if _size(output) <= left else _note(f"an output of {_size(output):,} characters")


def _shortened_text(text: str) -> str:
    left_out, half = len(text) - LONGEST_TEXT, LONGEST_TEXT // 2
    if left_out <= 0:
        return text
    return f"{text[:half]}\n[{left_out:,} characters more are in the executed notebook]\n{text[-half:]}"


def _size(output: NotebookNode) -> int:
    values: list[Any] = [output.get("text"), *output.get("traceback", []), *output.get("data", {}).values()]
    return sum(len(value) for value in values if isinstance(value, str))


def _note(what: str) -> NotebookNode:
    return new_output("stream", text=f"[{what}: see the executed notebook]\n")  # type: ignore[no-any-return, no-untyped-call]

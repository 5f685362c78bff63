"""What a cell leaves: its streams, joined, and the reason of its kernel's end."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from nbformat.v4 import new_output

if TYPE_CHECKING:
    from nbformat import NotebookNode


def join_streams(cell: NotebookNode) -> None:
    """Make one output of what a cell wrote to ``stdout``, and behind it one of ``stderr``, in the place of the first.

    Which came first when is a matter of milliseconds. nbclient's ``coalesce_streams`` joins them too, in a time that
    grows with the square of a line's length.
    """
    outputs = cell.get("outputs", [])
    streams = [output for output in outputs if output.output_type == "stream"]
    if not streams:
        return
    joined = []
    for name in sorted({stream.name for stream in streams}, reverse=True):
        text = "".join(stream.text for stream in streams if stream.name == name)
        text = "\n".join(map(_after_return, text.split("\n"))) if "\r" in text else text
        joined.append(new_output("stream", name=name, text=text))  # type: ignore[no-untyped-call]
    place = outputs.index(streams[0])
    rest = [output for output in outputs[place:] if output.output_type != "stream"]
    cell.outputs = [*outputs[:place], *joined, *rest]


def _after_return(line: str) -> str:
    """What is left of a line that was written over from its beginning, as progress bars do."""
    return line[line.rfind("\r", 0, -1) + 1 :]


def exit_reason(code: int | None) -> str:
    """Why the process of a kernel has ended, in words."""
    if code is None:
        return "the kernel's process does not answer any more"
    if code >= 0:
        return f"the kernel's process ended with exit code {code} (a cell or a library ended it, as os._exit does)"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    why = {
        "SIGKILL": "out of memory, or killed",
        "SIGTERM": "somebody ended it",
        "SIGSEGV": "compiled code of a library crashed",
        "SIGABRT": "compiled code of a library gave up",
    }.get(name, "ended from outside, or by itself")
    return f"the kernel's process ended by {name} ({why})"

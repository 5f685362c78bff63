"""Say what is wrong with this set-up and what to do about it."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from mlworkbench.doctor_checks import machine, tracking_store
from mlworkbench.doctor_checks.findings import Finding, Found
from mlworkbench.errors import WorkbenchError, told
from mlworkbench.store import open_store
from mlworkbench.waiting import telling


@dataclass(frozen=True)
class Report:
    """What `doctor` found, in the order in which it was looked at. Shows itself as a table."""

    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether there is no problem; hints do not count."""
        return not self.problems

    @property
    def problems(self) -> list[Finding]:
        """The findings that keep something from working."""
        return [finding for finding in self.findings if finding.state == "problem"]

    def __repr__(self) -> str:
        width = max(len(finding.what) for finding in self.findings)
        lines = []
        for finding in self.findings:
            lines.append(f"{finding.what:<{width}}  {finding.state:<7}  {finding.found}")
            if finding.do:
                lines.append(f"{'':<{width}}           Do this: {finding.do}")
        return "\n".join([*lines, "", self._summary()])

    def _repr_html_(self) -> str:
        left = "style='text-align:left'"
        rows = "".join(
            f"<tr><th {left}>{html.escape(f.what)}</th><td {left}>{f.state}</td>"
            f"<td {left}>{html.escape(f.found)}</td><td {left}>{html.escape(f.do)}</td></tr>"
            for f in self.findings
        )
        head = "".join(f"<th {left}>{name}</th>" for name in ("Checked", "State", "Found", "Do this"))
        return f"<table><tr>{head}</tr>{rows}</table><p>{self._summary()}</p>"

    def _summary(self) -> str:
        number = len(self.problems)
        return "No problem found." if self.ok else f"{number} problem{'s' if number > 1 else ''} found."


def doctor() -> Report:
    """Look at everything that commonly keeps MLflow from working as expected, and say what to do.

    It looks at the machine, this process and the tracking store. In a notebook it sees the state of the kernel too. An
    experiment that it makes, to send an artifact there and back, is deleted again.

    Returns
    -------
    Report
        A table with a line for each check, also for one that fails by itself; ``.ok`` is False when there is a problem.

    References
    ----------
    https://mlflow.org/docs/latest/self-hosting/troubleshooting/

    Examples
    --------
    >>> report = wb.doctor()
    >>> healthy = report.ok
    """
    with telling("the store and the machine, which are being looked at"):
        return Report(tuple(_examine()))


def _examine() -> Iterator[Finding]:
    for what, check in machine.CHECKS.items():
        yield from _look(what, check)
    try:
        store = open_store()
    except WorkbenchError as error:
        yield Finding("store", "problem", error.found, tracking_store.cure(error))
        return
    yield Finding("store", "ok", f"{store.label} ({store.why})")
    for what, examine in tracking_store.CHECKS.items():
        yield from _look(what, lambda examine=examine: examine(store))  # type: ignore[misc]


def _look(what: str, check: Callable[[], Iterable[Found]]) -> list[Finding]:
    """The findings of one check; when the check itself fails, that is one."""
    try:
        return [Finding(what, *found) for found in check()]
    except Exception as error:
        return [Finding(what, "problem", f"this could not be looked at ({told(error)}).", "Mend what it names.")]

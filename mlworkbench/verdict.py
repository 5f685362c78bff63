"""What a gate decided about a model, in a form that a notebook shows and the registry enters."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

VERDICT_TAG = "mlworkbench.verdict"
MET, MISSED = "\N{HEAVY CHECK MARK} met", "\N{MULTIPLICATION X} missed"


@dataclass(frozen=True)
class Verdict:
    """What a gate decided. Truthy only when the candidate passed.

    Attributes
    ----------
    passed : bool
        Whether every threshold was met.
    table : pandas.DataFrame of shape (thresholds, 5)
        ``metric``, ``candidate``, ``baseline`` (values), ``wanted`` and ``result`` (words).
    run_id : str
        The run that the verdict is logged to, with the two evaluations as its children.
    """

    passed: bool
    table: pd.DataFrame
    run_id: str

    def __bool__(self) -> bool:
        return self.passed

    @property
    def headline(self) -> str:
        """The decision in one sentence."""
        missed = self.table.loc[self.table["result"] != MET, "metric"].map(str)
        if self.passed:
            return f"\N{HEAVY CHECK MARK} Passed: the candidate meets every threshold ({len(self.table)})."
        return f"\N{MULTIPLICATION X} Refused: the candidate misses {', '.join(missed)}."

    def __repr__(self) -> str:
        return f"{self.headline}\n{self._rounded().to_string(index=False)}"

    def _repr_html_(self) -> str:
        import pandas as pd

        with pd.option_context("display.max_colwidth", None):
            table = self._rounded().to_html(index=False, border=0)  # escapes every cell
        color = "var(--jp-success-color1, currentColor)" if self else "var(--jp-error-color1, currentColor)"
        return (
            f"<div role='status' style='border-left:4px solid {color}; padding:0.4em 0.8em'>"
            f"<strong>{html.escape(self.headline)}</strong>{table}</div>"
        )

    def _rounded(self) -> pd.DataFrame:
        return self.table.map(lambda cell: _short(cell) if isinstance(cell, float) else cell)


def _short(number: float) -> str:
    return "\N{EN DASH}" if math.isnan(number) else f"{number:.3g}"

"""How long a model server takes to answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes


PERCENTILES = (50, 95, 99)


@dataclass(frozen=True)
class Latency:
    """How long a server took to answer.

    ``milliseconds`` are from sending a request to having read the answer, in the order of sending; each request had
    ``rows`` rows, ``clients`` sent at the same time, and all together got ``per_second`` answers in a second.
    """

    milliseconds: np.ndarray
    rows: int
    clients: int = 1
    per_second: float = float("nan")

    @property
    def percentiles(self) -> dict[str, float]:
        """Milliseconds within which 50, 95 and 99 % of the answers came: ``latency.percentiles["p99"]``."""
        import numpy as np

        return {f"p{part}": float(np.percentile(self.milliseconds, part)) for part in PERCENTILES}

    @property
    def table(self) -> pd.DataFrame:
        """The percentiles as a table with the columns ``percentile`` and ``milliseconds``."""
        import pandas as pd

        return pd.DataFrame(self.percentiles.items(), columns=["percentile", "milliseconds"])

    def __repr__(self) -> str:
        told = ", ".join(f"{name} {value:.3g} ms" for name, value in self.percentiles.items())
        by = f" by {self.clients} clients at once" if self.clients > 1 else ""
        return f"{len(self.milliseconds)} requests of {self.rows} row(s){by}: {told}"

    def _repr_html_(self) -> str:
        return self.table.to_html(index=False, border=0, float_format="{:.3g}".format)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw which part of the answers had come after how many milliseconds; returns the Axes."""
        import matplotlib.pyplot as plt

        ax = ax or plt.subplots()[1]
        ax.ecdf(self.milliseconds)
        for (name, value), style in zip(self.percentiles.items(), ("-", "--", ":"), strict=True):
            ax.axvline(value, color="black", linewidth=1, linestyle=style, label=f"{name}: {value:.3g} ms")
        ax.set(xlabel="time to answer (ms)", ylabel="part of the answers")
        ax.set_title(f"99 % of the answers came within {self.percentiles['p99']:.3g} ms")
        ax.legend()
        return ax

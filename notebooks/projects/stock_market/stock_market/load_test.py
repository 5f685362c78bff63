"""How long the server takes to answer, alone and under load, against the limit of a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from mlworkbench.plots import COLORS, LINES, MARKERS, log_figure, new_axes, no_figures_left

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from mlworkbench import Endpoint

LIMIT = 1000
"""Milliseconds that an answer may take."""

CLIENTS = (1, 4, 16)


def under_load(endpoint: Endpoint, rows: Any, *, clients: Sequence[int] = CLIENTS, n: int = 200) -> pd.DataFrame:
    """Time the answers to several clients at once.

    Parameters
    ----------
    endpoint : mlworkbench.Endpoint
        A running server.
    rows : array of shape (rows, 14), int64
        What each request sends.
    clients : sequence of int
        How many ask at the same time.
    n : int, default 200
        Requests for each of them.

    Returns
    -------
    pandas.DataFrame of shape (len(clients), 6), indexed by ``clients``
        ``p50``, ``p95``, ``p99`` in milliseconds, ``per_second`` (answers), ``limit``, and whether p99 ``met`` it.
    """
    timed = [endpoint.latency(rows, n=n, clients=number) for number in clients]
    table = pd.DataFrame([{**each.percentiles, "per_second": each.per_second} for each in timed])
    return table.assign(limit=LIMIT, met=table["p99"] < LIMIT).set_index(pd.Index(clients, name="clients"))


def plot(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the percentiles over the number of clients, with the limit."""
    ax = ax or new_axes()
    for name, color, line, marker in zip(("p50", "p95", "p99"), COLORS, LINES, MARKERS, strict=False):
        ax.plot(table.index, table[name], marker=marker, color=color, linestyle=line, label=name)
    ax.axhline(LIMIT, color="black", linewidth=1, label=f"limit {LIMIT} ms")
    ax.set(xlabel="clients at once", ylabel="time to answer (ms, log scale)", yscale="log", xscale="log")
    ax.set_xticks(table.index, [str(number) for number in table.index], minor=False)
    ax.minorticks_off()
    most = table.index[-1]
    ax.set_title(f"{most} clients: 99 % of the answers came within {table['p99'].iloc[-1]:.3g} ms")
    ax.legend()
    return ax


def log(table: pd.DataFrame) -> None:
    """Log table and plot to the active run, and ``p50_ms`` … as metrics with the number of clients as their step."""
    import mlflow

    import mlworkbench as wb

    wb.log_history(table[["p50", "p95", "p99"]].add_suffix("_ms"), step=list(table.index))
    mlflow.log_table(table.reset_index(), "latency.json")
    alt = f"Percentiles of the time to answer over clients: p99 is {table['p99'].round().astype(int).to_dict()} ms."
    with no_figures_left():
        log_figure(plot(table).figure, "latency.png", alt=alt)

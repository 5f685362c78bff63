"""Artifact plotting: matplotlib figures, shown with words for those who cannot see them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from mlworkbench.errors import WorkbenchError, unknown_name

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from mlflow.entities import Run

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colours, which colour-blind readers can tell apart (https://jfly.uni-koeln.de/color/)."""
MARKERS = "os^Dv*P"
LINES = ("-", "--", ":", "-.")


def show(fig: Figure, *, alt: str) -> None:
    """Show a figure in a notebook with an alternative text, and close it.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
        The figure; it can still be logged afterwards.
    alt : str
        What the figure shows, in words.

    Raises
    ------
    WorkbenchError
        When ``alt`` is empty.

    Notes
    -----
    The text is stored where nbconvert looks for it, in the output's metadata (``image/png``, ``alt``).
    """
    import matplotlib.pyplot as plt
    from IPython.display import display

    require_alt(alt)
    display(fig, metadata={"image/png": {"alt": alt}})  # type: ignore[no-untyped-call]
    plt.close(fig)


def log_figure(fig: Figure, path: str, *, alt: str) -> None:
    """Log a figure to the active run, with its alternative text inside the PNG file.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
    path : str
        Artifact path below the run, ending in ``.png``.
    alt : str
        What the figure shows, in words; stored as the PNG's ``Description``.

    Raises
    ------
    WorkbenchError
        When ``alt`` is empty or the path does not end in ``.png``.

    See Also
    --------
    https://mlflow.org/docs/latest/api_reference/python_api/mlflow.html#mlflow.log_figure
    """
    import mlflow

    require_alt(alt)
    if not path.endswith(".png"):
        raise WorkbenchError(f"the path {path!r}.", "a path that ends in .png.", "Let the path end in .png.")
    mlflow.log_figure(fig, path, save_kwargs={"metadata": {"Description": alt}})


@contextlib.contextmanager
def no_figures_left() -> Iterator[None]:
    """Close the figures that a call of somebody else's leaves open; a notebook would show them, empty."""
    import matplotlib.pyplot as plt

    before = set(plt.get_fignums())
    try:
        yield
    finally:
        for number in set(plt.get_fignums()) - before:
            plt.close(number)


def plot_history(runs: Iterable[Run | str], metric: str, *, ax: Axes | None = None) -> Axes:
    """Draw the history of a metric, a line a run.

    Parameters
    ----------
    runs : iterable of mlflow.entities.Run or run id
    metric : str
        Name of the metric.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure when left out.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    WorkbenchError
        When a run does not have the metric.
    """
    import mlflow

    ax = ax or new_axes()
    for number, run in enumerate(runs):
        found = mlflow.get_run(run if isinstance(run, str) else run.info.run_id)
        history = mlflow.MlflowClient().get_metric_history(found.info.run_id, metric)
        if not history:
            raise unknown_name("metric", metric, found.data.metrics)
        points = sorted((point.step, point.value) for point in history)
        color, line = COLORS[number % len(COLORS)], LINES[number % len(LINES)]
        ax.plot(*zip(*points, strict=True), label=found.info.run_name, color=color, linestyle=line)
    ax.set(xlabel="step", ylabel=metric)
    ax.legend()
    return ax


def plot_runs(table: pd.DataFrame, metric: str, by: str, *, group: str | None = None, ax: Axes | None = None) -> Axes:
    """Compare runs on a metric by a parameter.

    Parameters
    ----------
    table : pandas.DataFrame
        As `runs_table` returns it.
    metric, by : str
        Columns: what is compared, and the parameter along the horizontal axis (numbers in order, texts as they come).
    group : str, optional
        Column whose values get a colour and a marker each.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure when left out.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    WorkbenchError
        For a column that the table does not have.
    """
    for column in filter(None, (metric, by, group)):
        if column not in table:
            raise unknown_name("column", column, table.columns)
    ax = ax or new_axes()
    rows = table.dropna(subset=[metric, by])
    rows = rows.assign(**{name: _numbers_or_texts(rows[name]) for name in filter(None, (by, group))}).sort_values(by)
    for number, (name, part) in enumerate(rows.groupby(group) if group else [(None, rows)]):
        color, marker = COLORS[number % len(COLORS)], MARKERS[number % len(MARKERS)]
        ax.plot(part[by], part[metric], marker, color=color, label=name, alpha=0.8)
    ax.set(xlabel=by, ylabel=metric)
    if group:
        ax.legend(title=group)
    return ax


def _numbers_or_texts(column: pd.Series) -> pd.Series:
    """Parameters come as texts: make numbers of them where all are numbers, so that 10 comes after 2."""
    import pandas as pd

    numbers = pd.to_numeric(column, errors="coerce")
    return numbers if numbers.notna().all() else column.astype(str)


def new_axes() -> Axes:
    """Axes of a new figure of the size that fits a notebook."""
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(7, 3.5), layout="constrained")[1]


def require_alt(alt: str) -> None:
    """Refuse an alternative text that says nothing."""
    if not alt.strip():
        raise WorkbenchError("an empty alt text.", "a sentence that says what the figure shows.", "Write alt='…'.")

"""Artifact plotting: matplotlib figures, shown with words for those who cannot see them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from itertools import cycle
from typing import TYPE_CHECKING, Any

from mlworkbench.errors import WorkbenchError, explained, find_run, is_among, is_line, shown, unknown_name
from mlworkbench.store_watch import using_store

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from mlflow.entities import Run

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colours, which colour-blind readers can tell apart (https://jfly.uni-koeln.de/color/)."""
MARKERS = "os^Dv*P"
LINES = ("-", "--", ":", "-.")

_HOOK = f"{__name__}:note_figure"
_made: ContextVar[list[Figure] | None] = ContextVar("_made", default=None)


def show(fig: Figure, *, alt: str) -> None:
    """Show a figure in a notebook with an alternative text, and close it.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
        The figure; it can still be logged afterwards.
    alt : str
        What the figure shows, in words; stored where nbconvert looks for it, in the output's metadata.

    Raises
    ------
    WorkbenchError
        When ``alt`` says nothing, or ``fig`` is no figure.

    Examples
    --------
    >>> axes = wb.plot_runs(wb.runs_table("wine"), "accuracy", by="max_depth")
    >>> wb.show(axes.figure, alt="Accuracy rises with the depth of the tree.")
    Figure(...)
    """
    import matplotlib.pyplot as plt
    from IPython.display import display

    _require_figure(fig, alt)
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
        When ``alt`` says nothing, ``fig`` is no figure, or MLflow does not take the path.

    References
    ----------
    https://mlflow.org/docs/latest/api_reference/python_api/mlflow.html#mlflow.log_figure

    Examples
    --------
    >>> axes = wb.plot_runs(wb.runs_table("wine"), "accuracy", by="max_depth")
    >>> with mlflow.start_run():
    ...     wb.log_figure(axes.figure, "depth.png", alt="Accuracy rises with the depth of the tree.")
    """
    import mlflow

    _require_figure(fig, alt)
    if not isinstance(path, str) or not path.endswith(".png"):
        raise WorkbenchError(f"the path {shown(path)}.", "a text that ends in .png.", "Let the path end in .png.")
    do = "Choose a path below the run, such as 'figures/loss.png'."
    with using_store(), explained(f"the figure {shown(path)}", do):
        mlflow.log_figure(fig, path, save_kwargs={"metadata": {"Description": alt}})


@contextlib.contextmanager
def no_figures_left() -> Iterator[None]:
    """Close the figures that a call of somebody else's makes and leaves open; a notebook would show them, empty.

    Those of other threads stay, and so does what is drawn in the reader's own.
    """
    import matplotlib.pyplot as plt

    if _HOOK not in plt.rcParams["figure.hooks"]:
        plt.rcParams["figure.hooks"] = [*plt.rcParams["figure.hooks"], _HOOK]
    made: list[Figure] = []
    token = _made.set(made)
    try:
        plt.figure()  # MLflow begins with pyplot.clf(), which clears the figure that is current
        yield
    finally:
        _made.reset(token)
        for figure in made:
            plt.close(figure)


def note_figure(figure: Figure) -> None:
    """Note a figure that pyplot makes in the block of `no_figures_left`; matplotlib calls this for every figure."""
    if (made := _made.get()) is not None:
        made.append(figure)


def plot_history(runs: Run | str | Iterable[Run | str], metric: str, *, ax: Axes | None = None) -> Axes:
    """Draw the history of a metric, a line a run.

    Parameters
    ----------
    runs : mlflow.entities.Run or run id, or several
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
        When there is no such run, or a run does not have the metric.

    Examples
    --------
    >>> axes = wb.plot_history(wb.best_run("accuracy", lower_is_better=False), "accuracy")
    """
    import mlflow
    from mlflow.entities import Run

    several = [runs] if isinstance(runs, str | Run) or not isinstance(runs, Iterable) else list(runs)
    lines = []
    with using_store(writes=False):
        for run in several:
            found = find_run(run.info.run_id if isinstance(run, Run) else run)
            if not is_among(metric, found.data.metrics):
                raise unknown_name("metric", metric, found.data.metrics)
            history = mlflow.MlflowClient().get_metric_history(found.info.run_id, metric)
            steps, values = zip(*sorted((point.step, point.value) for point in history), strict=True)
            lines.append((found.info.run_name, steps, values))
    return _draw(ax, lines, LINES, ("step", metric))


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
        For a column that the table does not have, and for what is no table.

    Examples
    --------
    >>> axes = wb.plot_runs(wb.runs_table("wine"), "accuracy", by="max_depth")
    """
    import pandas as pd

    if not isinstance(table, pd.DataFrame):
        raise WorkbenchError(f"a table that is a {type(table).__name__}.", "a table of runs.", "Pass wb.runs_table().")
    for column in (metric, by, *([] if group is None else [group])):
        if not is_among(column, table.columns):
            raise unknown_name("column", column, table.columns)
    rows = table.dropna(subset=[metric, by])
    rows = rows.assign(**{name: _numbers_or_texts(rows[name]) for name in filter(None, (by, group))}).sort_values(by)
    parts = rows.groupby(group) if group else [(None, rows)]
    return _draw(ax, [(name, part[by], part[metric]) for name, part in parts], MARKERS, (by, metric), group)


def _draw(
    ax: Axes | None, parts: list[Any], styles: Iterable[str], names: tuple[str, str], title: str | None = None
) -> Axes:
    """Draw parts, each its label, horizontal and vertical values, which differ by colour and by style."""
    from matplotlib.axes import Axes

    ax = new_axes() if ax is None else ax
    if not isinstance(ax, Axes):
        raise WorkbenchError(f"ax={shown(ax)}.", "axes of matplotlib.", "Leave ax out, or pass plt.subplots()[1].")
    for (label, horizontal, vertical), color, style in zip(parts, cycle(COLORS), cycle(styles), strict=False):
        ax.plot(horizontal, vertical, style, color=color, label=label)
    ax.set(xlabel=names[0], ylabel=names[1])
    if ax.get_legend_handles_labels()[1]:
        ax.legend(title=title)
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


def _require_figure(fig: Figure, alt: str) -> None:
    from matplotlib.figure import Figure

    if not isinstance(fig, Figure):
        do = "Pass the figure: ax.figure of axes, or plt.gcf()."
        raise WorkbenchError(f"{type(fig).__name__} instead of a figure.", "a figure of matplotlib.", do)
    if not isinstance(alt, str) or not is_line(" ".join(alt.split())):
        raise WorkbenchError(
            f"the alt text {shown(alt)}.", "a sentence that says what the figure shows.", "Write alt='…'."
        )

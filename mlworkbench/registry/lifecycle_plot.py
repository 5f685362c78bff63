"""A picture of the life cycle: which version was what, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from mlworkbench.errors import WorkbenchError
from mlworkbench.plots import COLORS, new_axes
from mlworkbench.registry import audit_trail, validation
from mlworkbench.registry.trail_entries import STAGE_OF, STAGES
from mlworkbench.registry.versions import find_versions

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

# From light to dark as a version nears production, so that the order shows in grey too; the word is in the bar as well.
_LOOKS: dict[str, dict[str, Any]] = {
    "Development": {"facecolor": "white"},
    "Staging": {"facecolor": COLORS[5], "hatch": "///"},
    "Production": {"facecolor": COLORS[0]},
    "Archived": {"facecolor": "lightgrey", "hatch": "..."},
}


class Period(NamedTuple):
    """The time that a version spent in a stage."""

    version: int
    stage: str
    begin: pd.Timestamp
    end: pd.Timestamp


def plot_lifecycle(name: str, *, ax: Axes | None = None) -> Axes:
    """Draw which stage each version of a registered model had, and when.

    Parameters
    ----------
    name : str
        Registered model.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure when left out.

    Returns
    -------
    matplotlib.axes.Axes
        A row a version, time from left to right. Colour, hatch and, where there is room, the first letter tell the
        stage; a triangle tells when a version took an alias that is no stage, such as ``champion``.

    Raises
    ------
    WorkbenchError
        For an unknown model, with the nearest one, and for one without versions: register one.

    References
    ----------
    https://mlflow.org/docs/latest/ml/model-registry/
    """
    with validation.explained(name):
        periods, aliases = _periods(name)
    if ax is not None and not hasattr(ax, "barh"):
        raise WorkbenchError(f"ax of type {type(ax).__name__}.", "matplotlib axes.", "Leave it out for a new figure.")
    if not periods:
        raise WorkbenchError(f"{name!r} has no versions.", "at least one.", "Register a model under this name.")
    ax = ax or new_axes()
    for period in periods:
        _draw(ax, period, whole=periods[-1].end - periods[0].begin)
    for alias, version, when in aliases:
        at: Any = (when, version + 0.38)
        ax.plot(*at, "v", color="black", markersize=6, clip_on=False)
        ax.annotate(f"@{alias}", at, xytext=(6, -2), textcoords="offset points", fontsize="small")
    _label(ax, name, periods)
    return ax


def _periods(name: str) -> tuple[list[Period], list[tuple[str, int, pd.Timestamp]]]:
    """When each version was what, in the order of their beginnings; and when one took an alias that is no stage."""
    import pandas as pd

    trail = audit_trail.read(name)
    changes = {
        int(version.version): [(_time(version.creation_timestamp), STAGES[0])] for version in find_versions(name)
    }
    aliases = []
    for entry in trail.entries:
        when = pd.Timestamp(entry.when)
        for version, stage in trail.places[entry.key]:
            before = changes.setdefault(version, [(when, STAGES[0])])
            before.append((max(when, before[-1][0]), stage))
        for alias, held, to in trail.moves[entry.key]:
            if to not in (None, held) and alias not in STAGE_OF:
                aliases.append((alias, to, when))
    times = [when for own in changes.values() for when, _ in own] or [pd.Timestamp.now(tz="UTC")]
    end = max(times) + max((max(times) - min(times)) * 0.15, pd.Timedelta(seconds=1))
    periods = [
        Period(version, stage, when, until)
        for version, own in changes.items()
        for (when, stage), until in zip(own, [*(when for when, _ in own[1:]), end], strict=True)
    ]
    return sorted(periods, key=lambda period: (period.begin, period.end)), aliases


def _time(milliseconds: int) -> pd.Timestamp:
    """A time of the store; now, where a clock was so wrong that no calendar has it."""
    import pandas as pd

    when = pd.to_datetime(milliseconds, unit="ms", utc=True, errors="coerce")
    return pd.Timestamp.now(tz="UTC") if pd.isna(when) else when


def _draw(ax: Axes, period: Period, whole: pd.Timedelta) -> None:
    begin: Any = period.begin
    length: Any = period.end - period.begin
    look = _LOOKS[period.stage] | {"edgecolor": "black", "linewidth": 0.8, "label": period.stage}
    ax.barh(period.version, length, 0.6, left=begin, **look)
    share = length / whole
    text = period.stage if share > 0.17 else period.stage[0] if share > 0.03 else ""  # noqa: PLR2004 (widths of words)
    if text:
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5, "alpha": 0.85}
        ax.text(begin + length / 2, period.version, text, ha="center", va="center", fontsize="small", bbox=box)


def _label(ax: Axes, name: str, periods: list[Period]) -> None:
    """Title with what the picture says, axes, dates without repetitions, and a legend in the order of the stages."""
    import matplotlib.dates as mdates

    now = [period.version for period in periods if period.stage == "Production" and period.end == periods[-1].end]
    turns = sum(period.stage == "Production" for period in periods)
    told = f"version {now[0]} is in production" if now else "no version is in production"
    ax.set_title(f"{name}: {told}" + (f", turn number {turns}" if now and turns > 1 else ""))
    versions = sorted({period.version for period in periods})
    if len(versions) <= 20:  # noqa: PLR2004 (more labels would cover each other)
        ax.set_yticks(versions)
    ax.set(xlabel="time (UTC)", ylabel="version", ylim=(versions[0] - 0.6, versions[-1] + 0.6))
    locator = mdates.AutoDateLocator()  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    handles, labels = ax.get_legend_handles_labels()
    bars = dict(zip(labels, handles, strict=True))
    drawn = [bars[stage] for stage in STAGES if stage in bars]
    ax.legend(handles=drawn, loc="upper left", bbox_to_anchor=(1, 1), frameon=False)

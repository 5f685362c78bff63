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
_LOOKS = {
    "Development": {"facecolor": "white", "hatch": ""},
    "Staging": {"facecolor": COLORS[5], "hatch": "///"},
    "Production": {"facecolor": COLORS[0], "hatch": ""},
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
        For an unknown model, with the nearest one, and for one without versions.

    See Also
    --------
    https://mlflow.org/docs/latest/ml/model-registry/
    """
    with validation.explained(name):
        periods, aliases = _periods(name)
    if not periods:
        raise WorkbenchError(f"{name!r} has no versions.", "at least one.", "Register a model under this name.")
    ax = ax or new_axes()
    for period in periods:
        _draw(ax, period, whole=periods[-1].end - periods[0].begin)
    for alias, version, when in aliases:
        ax.plot(_number(when), version + 0.38, "v", color="black", markersize=6, clip_on=False)
        ax.annotate(
            f"@{alias}", (_number(when), version + 0.38), xytext=(6, -2), textcoords="offset points", fontsize="small"
        )
    versions = sorted({period.version for period in periods})
    if len(versions) <= 20:  # noqa: PLR2004 (more labels would cover each other)
        ax.set_yticks(versions)
    _dates(ax)
    ax.set(xlabel="time (UTC)", ylabel="version", ylim=(versions[0] - 0.6, versions[-1] + 0.6))
    ax.set_title(_finding(name, periods))
    _legend(ax, periods)
    return ax


def _periods(name: str) -> tuple[list[Period], list[tuple[str, int, pd.Timestamp]]]:
    """When each version was what, in the order of their beginnings; and when one took an alias that is no stage."""
    import pandas as pd

    past, found = audit_trail.read(name), find_versions(name)
    begun = {int(v.version): pd.Timestamp(v.creation_timestamp, unit="ms", tz="UTC") for v in found}
    changes = {version: [(when, STAGES[0])] for version, when in begun.items()}
    aliases = []
    for entry in past.entries:
        when = pd.Timestamp(entry.when)
        for version, stage in past.places[entry.key]:
            changes.setdefault(version, [(when, STAGES[0])]).append((max(when, changes[version][-1][0]), stage))
        moved = [
            (a, to, when) for a, before, to in past.moves[entry.key] if to not in (None, before) and a not in STAGE_OF
        ]
        aliases += moved
    last = max((when for own in changes.values() for when, _ in own), default=pd.Timestamp.now(tz="UTC"))
    first = min((own[0][0] for own in changes.values()), default=last)
    end = last + max((last - first) * 0.15, pd.Timedelta(seconds=1))
    periods = [
        Period(version, stage, when, until)
        for version, own in changes.items()
        for (when, stage), until in zip(own, [*(when for when, _ in own[1:]), end], strict=True)
    ]
    return sorted(periods, key=lambda period: (period.begin, period.end)), aliases


def _draw(ax: Axes, period: Period, whole: pd.Timedelta) -> None:
    begin, end = _number(period.begin), _number(period.end)
    look: dict[str, Any] = _LOOKS[period.stage]
    ax.broken_barh([(begin, end - begin)], (period.version - 0.3, 0.6), edgecolor="black", linewidth=0.8, **look)
    share = (period.end - period.begin) / whole
    text = period.stage if share > 0.17 else period.stage[0] if share > 0.03 else ""  # noqa: PLR2004 (widths of words)
    if text:
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5, "alpha": 0.85}
        ax.text((begin + end) / 2, period.version, text, ha="center", va="center", fontsize="small", bbox=box)


def _number(when: pd.Timestamp) -> float:
    import matplotlib.dates as mdates

    return float(mdates.date2num(when))  # type: ignore[no-untyped-call]


def _dates(ax: Axes) -> None:
    """Let the numbers along the time axis be read as dates, or as times of a day when all lie within one."""
    import matplotlib.dates as mdates

    locator = mdates.AutoDateLocator()  # type: ignore[no-untyped-call]
    ax.xaxis_date()
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def _finding(name: str, periods: list[Period]) -> str:
    now = [period.version for period in periods if period.stage == "Production" and period.end == periods[-1].end]
    turns = sum(period.stage == "Production" for period in periods)
    told = f"version {now[0]} is in production" if now else "no version is in production"
    return f"{name}: {told}" + (f", turn number {turns}" if now and turns > 1 else "")


def _legend(ax: Axes, periods: list[Period]) -> None:
    from matplotlib.patches import Patch

    seen = {period.stage for period in periods}
    looks: dict[str, dict[str, Any]] = {stage: look for stage, look in _LOOKS.items() if stage in seen}
    handles = [Patch(edgecolor="black", label=stage, **look) for stage, look in looks.items()]
    ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(1, 1), frameon=False)

"""Artifact plotting: matplotlib figures, shown with words for those who cannot see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlworkbench.errors import WorkbenchError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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


def require_alt(alt: str) -> None:
    """Refuse an alternative text that says nothing."""
    if not alt.strip():
        raise WorkbenchError("an empty alt text.", "a sentence that says what the figure shows.", "Write alt='…'.")

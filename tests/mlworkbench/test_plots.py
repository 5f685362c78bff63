"""Plots show what the store holds, return Axes, and carry words."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import matplotlib.pyplot as plt
import mlflow
import pytest
from PIL import Image

import mlworkbench as wb
from mlworkbench.plots import no_figures_left


@pytest.fixture(autouse=True)
def runs(home: Path) -> list[str]:
    wb.start("plots")
    made = []
    for depth, model in ((10, "tree"), (2, "tree"), (5, "forest")):
        with mlflow.start_run(run_name=f"{model} {depth}") as run:
            mlflow.log_params({"depth": depth, "model": model})
            wb.log_history({"loss": [1 / (depth + i) for i in range(4)]})
        made.append(run.info.run_id)
    yield made
    plt.close("all")


def test_a_history_is_a_line_a_run(runs: list[str]) -> None:
    ax = wb.plot_history([runs[0], mlflow.get_run(runs[1])], "loss")
    first, second = ax.get_lines()
    assert first.get_xdata().tolist() == [0, 1, 2, 3]
    assert first.get_ydata()[0] == pytest.approx(0.1)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["tree 10", "tree 2"]
    assert first.get_linestyle() != second.get_linestyle()  # not by colour alone
    with pytest.raises(wb.WorkbenchError, match="Did you mean 'loss'"):
        wb.plot_history(runs, "los")


def test_runs_are_compared_with_numbers_in_order() -> None:
    ax = wb.plot_runs(wb.runs_table(), "loss", by="depth")
    (line,) = ax.get_lines()
    assert line.get_xdata().tolist() == [2, 5, 10]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("depth", "loss")


def test_groups_differ_by_marker_and_texts_are_categories() -> None:
    mine = plt.figure().subplots()
    ax = wb.plot_runs(wb.runs_table(), "loss", by="model", group="model", ax=mine)
    assert ax is mine
    assert len({line.get_marker() for line in ax.get_lines()}) == 2
    with pytest.raises(wb.WorkbenchError, match="no column is called 'size'"):
        wb.plot_runs(wb.runs_table(), "loss", by="size")


def test_a_logged_figure_carries_its_words(home: Path) -> None:
    with mlflow.start_run():
        wb.log_figure(plt.figure(), "figures/empty.png", alt="an empty figure")
        with pytest.raises(wb.WorkbenchError, match="alt"):
            wb.log_figure(plt.figure(), "empty.png", alt="")
        with pytest.raises(wb.WorkbenchError, match=r"\.png"):
            wb.log_figure(plt.figure(), "empty.pdf", alt="an empty figure")
    (path,) = (home / "artifacts").rglob("empty.png")
    assert Image.open(path).info["Description"] == "an empty figure"


def test_showing_needs_words_and_closes_the_figure() -> None:
    figure, _ = plt.subplots()
    with pytest.raises(wb.WorkbenchError, match="alt"):
        wb.show(figure, alt=" ")
    wb.show(figure, alt="an empty plot")
    assert not plt.get_fignums()


@pytest.mark.parametrize("run", [None, 5, "nope", "\ud800", "", [None], ["a\0"], [[]]])
def test_a_history_of_no_run(run: object) -> None:
    with pytest.raises(wb.WorkbenchError, match=r"no run|the run"):
        wb.plot_history(run, "loss")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [None, 5, "\ud800", ["loss"]])
def test_a_name_of_no_metric_or_column(runs: list[str], name: object) -> None:
    with pytest.raises(wb.WorkbenchError, match="no metric is called"):
        wb.plot_history(runs, name)  # type: ignore[arg-type]
    with pytest.raises(wb.WorkbenchError, match="no column is called"):
        wb.plot_runs(wb.runs_table(), name, by="depth")  # type: ignore[arg-type]


def test_one_run_needs_no_list(runs: list[str]) -> None:
    assert len(wb.plot_history(runs[0], "loss").get_lines()) == 1


def test_what_is_no_table_no_axes_and_no_figure() -> None:
    with pytest.raises(wb.WorkbenchError, match="NoneType"):
        wb.plot_runs(None, "loss", by="depth")  # type: ignore[arg-type]
    with pytest.raises(wb.WorkbenchError, match="ax=5"):
        wb.plot_runs(wb.runs_table(), "loss", by="depth", ax=5)  # type: ignore[arg-type]
    for thing in (None, "figure", plt.figure().subplots()):
        with pytest.raises(wb.WorkbenchError, match="instead of a figure"):
            wb.show(thing, alt="words")  # type: ignore[arg-type]


@pytest.mark.parametrize("alt", [None, 5, b"words", "\ud800", "a\0"])
def test_an_alt_text_that_is_none(alt: object) -> None:
    with pytest.raises(wb.WorkbenchError, match="the alt text"):
        wb.show(plt.figure(), alt=alt)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "path", [None, 5, "../x.png", "/abs/x.png", "a\0.png", "\ud800.png", ".png", "x" * 300 + ".png"]
)
def test_a_path_that_is_none(path: object) -> None:
    with mlflow.start_run(), pytest.raises(wb.WorkbenchError, match=r"(?s)Found: .*Expected: .*Do this: "):
        wb.log_figure(plt.figure(), path, alt="an empty figure")  # type: ignore[arg-type]


def test_only_figures_of_the_block_are_closed() -> None:
    """Not those that another thread opens meanwhile, nor is the reader's own cleared, as MLflow's evaluation would."""
    mine, ax = plt.subplots()
    ax.plot([1, 2])
    with ThreadPoolExecutor(1) as pool, no_figures_left():
        theirs = pool.submit(plt.figure).result()
        left = plt.figure()
        plt.figure(left)
        plt.clf()
    assert plt.fignum_exists(mine.number)
    assert plt.fignum_exists(theirs.number)
    assert not plt.fignum_exists(left.number)
    plt.close(theirs)
    plt.figure(mine)
    with no_figures_left():
        plt.clf()
    assert len(mine.axes[0].lines) == 1
    assert plt.get_fignums() == [mine.number]
    plt.close(mine)

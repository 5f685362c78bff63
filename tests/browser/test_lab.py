"""JupyterLab as a learner meets it, in a real browser."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page, expect

from mlworkbench.ports import free_port
from tests.browser.chromium import needs_browser
from tests.paths import ROOT

TOKEN = "a-token-of-this-test"
PATIENCE = 300  # seconds: on a machine that does much else, MLflow's page takes a minute to begin

pytestmark = [pytest.mark.processes, needs_browser]


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


@pytest.fixture(scope="module")
def notebooks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the notebooks without their stored outputs."""
    folder = tmp_path_factory.mktemp("lab") / "notebooks"
    shutil.copytree(ROOT / "notebooks", folder, ignore=shutil.ignore_patterns(".*"))
    for path in folder.rglob("*.ipynb"):
        content = nbformat.read(path, as_version=4)
        for cell in content.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(content, path)
    return folder


@contextlib.contextmanager
def running(folder: Path, *lessons: str) -> Iterator[str]:
    """JupyterLab on the notebooks of a folder, and on a store that already holds the runs of these lessons."""
    port = free_port()
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "MLWORKBENCH_", "PYTEST_"))}
    env |= {
        "JUPYTER_TOKEN": TOKEN,
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
    }
    for lesson in lessons:
        run = [sys.executable, "-m", "mlworkbench", "run", lesson, "--fast"]
        subprocess.run(run, cwd=folder, env=env, check=True, capture_output=True)
    command = [sys.executable, "-m", "mlworkbench", "lab", "--no-browser", "--port", str(port), "--", "--allow-root"]
    with (folder / "lab.log").open("w") as log, subprocess.Popen(command, cwd=folder, env=env, stderr=log) as server:
        url = f"http://127.0.0.1:{port}"
        begun = time.monotonic()
        while not answers(url):
            log_so_far = (folder / "lab.log").read_text()
            assert server.poll() is None, log_so_far
            assert time.monotonic() - begun < PATIENCE, f"waited for JupyterLab to answer: {log_so_far}"
            time.sleep(0.5)
        yield url
        server.terminate()


@pytest.fixture(scope="module")
def lab(notebooks: Path) -> Iterator[str]:
    with running(notebooks.parent, "1.1") as url:
        yield url


@pytest.fixture
def new_page(browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    context.set_default_timeout(PATIENCE * 1000)
    expect.set_options(timeout=PATIENCE * 1000)
    yield context.new_page()
    if shots := os.environ.get("SCREENSHOTS"):
        for number, tab in enumerate(context.pages):
            tab.screenshot(path=str(Path(shots) / f"{request.node.name}-{number}.png"))
    context.close()


@pytest.fixture
def page(lab: str, new_page: Page) -> Page:
    return opened(new_page, lab)


def opened(page: Page, lab: str) -> Page:
    """JupyterLab with its launcher."""
    page.goto(f"{lab}/lab?token={TOKEN}&reset")
    page.wait_for_selector(".jp-LauncherCard")
    return page


def test_lab_opens_on_lesson_0(lab: str, new_page: Page) -> None:
    new_page.goto(f"{lab}/?token={TOKEN}")
    expect(new_page.get_by_role("heading", name="Start here: check that your workbench works")).to_be_visible()


def test_a_learner_sees_no_panels_for_instructors(page: Page) -> None:
    assert page.get_by_role("menuitem", name="Nbgrader").count() == 0
    assert page.get_by_text("Create Assignment").count() == 0


def test_a_learner_sees_lessons_but_neither_solutions_nor_settings_of_the_course(page: Page) -> None:
    listed = page.locator(".jp-DirListing-itemName")
    expect(listed.filter(has_text="01_tracking")).to_be_visible()
    names = listed.all_inner_texts()
    assert "00_start_here.ipynb" in names
    assert not {"solutions", "nbgrader_config.py"} & set(names)


def test_there_is_one_kernel_to_choose(page: Page) -> None:
    kernels = page.locator(".jp-LauncherCard[data-category='Console']")
    expect(kernels).to_have_count(1)
    expect(kernels).to_contain_text("Python 3 (ipykernel)")


def test_the_mlflow_tile_says_that_it_is_starting(notebooks: Path, new_page: Page, tmp_path: Path) -> None:
    shutil.copytree(notebooks, tmp_path / "notebooks")
    with running(tmp_path) as lab:
        page = opened(new_page, lab)
        page.locator(".jp-LauncherCard", has_text="MLflow").first.click()
        mlflow = page.frame_locator("iframe[src*='/mlflow/']")
        expect(mlflow.get_by_role("status")).to_contain_text("MLflow is starting")
        expect(mlflow.get_by_role("link", name="Default").first, "waited for MLflow's own page").to_be_visible()


def test_the_mlflow_tile_shows_the_runs_of_an_executed_lesson(page: Page) -> None:
    page.locator(".jp-LauncherCard", has_text="MLflow").first.click()
    mlflow = page.frame_locator("iframe[src*='/mlflow/']")
    experiment = mlflow.get_by_role("link", name="1.1 experiments and runs").first
    expect(experiment, "waited for MLflow's list of experiments in the tile").to_be_visible()
    experiment.click()
    expect(mlflow.get_by_text("two questions").first, "waited for the runs of lesson 1.1").to_be_visible()


def test_lesson_0_runs_from_the_menu_without_an_error(page: Page, notebooks: Path) -> None:
    page.get_by_role("listitem", name=re.compile("00_start_here")).dblclick()
    expect(page.get_by_text("Python 3 (ipykernel) | Idle"), "waited for the kernel to be idle").to_be_visible()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    cells = executed(page, notebooks / "00_start_here.ipynb")
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not [output for cell in cells for output in cell.outputs if output.output_type == "error"]
    page.locator(".jp-WindowedPanel-outer").first.evaluate("panel => panel.scrollTo(0, 0)")
    page.get_by_role("link", name="open this experiment").click()
    mlflow = page.frame_locator("iframe[src*='/mlflow/#/experiments/']")
    expect(mlflow.get_by_text("a first guess").first, "waited for the run in a panel of Lab").to_be_visible()
    assert len(page.context.pages) == 1


def executed(page: Page, path: Path) -> list[nbformat.NotebookNode]:
    """Save until the last code cell has been executed; return the code cells."""
    begun = time.monotonic()
    while True:
        page.keyboard.press("Control+s")
        page.wait_for_timeout(1000)
        cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        if cells[-1].execution_count:
            return cells
        assert time.monotonic() - begun < PATIENCE, f"waited for the last cell of {path.name} to be executed"

"""Make every picture of the lessons, and that of JupyterLab, from the running software. Run by `make screenshots`.

The lessons are executed on a store of their own, MLflow's server is started on it, and a browser opens each page of
`LOOKS`. For `LAB` JupyterLab is started, and the first cells of lesson 0 are run in it. `pictures.json` keeps what each
picture was made of: a test tells which are out of date.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import requests
from PIL import Image

from mlcourse.lessons import Lesson, lessons
from mlworkbench.ports import free_port

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "notebooks" / "images"
RECORD = PICTURES / "pictures.json"
SIZE = {"width": 1500, "height": 800}
PATIENCE = 600_000
"""How long a page may take to show what is waited for, in milliseconds."""
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
PREFERENCES = """
for (const [name, value] of [["mlflow.workflowType_v1", '"machine_learning"'],
                             ["mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true"]])
  if (localStorage.getItem(name) === null) localStorage.setItem(name, value);
"""
DOTS = r"(?m)^\w+ = \.\.\.$"
"""In the cell for an answer: it and its check leave nothing to be seen."""
NO_ASSISTANT = "[data-assistant-ui] { visibility: hidden }"


class Look(NamedTuple):
    """A place in the UI, and what has to be seen there before the picture is taken.

    In the page stand ``{experiment}``, ``{run}`` and ``{model}`` for the ids of the names that are given beside it, and
    ``{runs}`` for those of all runs of the experiment that have the metric ``compared``.
    """

    page: str
    shows: str
    experiment: str = ""
    run: str = ""
    model: str = ""
    compared: str = ""
    columns: Sequence[str] = ()
    """Columns of the list of runs that are ticked, or unticked where they are there from the start."""
    clicks: Sequence[str] = ()
    """What is clicked after that, as selectors of Playwright."""
    charts: str = ""
    """What the names of the charts contain that are looked for."""


RUNS, CHART, MODELS = (
    f"experiments/{{experiment}}/{page}" for page in ("runs", "runs?compareRunsMode=CHART", "models")
)
OVERVIEW, METRICS, ARTIFACTS = (
    f"experiments/{{experiment}}/runs/{{run}}{tab}" for tab in ("", "/model-metrics", "/artifacts")
)
MODEL_FILES = "experiments/{experiment}/models/{model}/artifacts"
COMPARE = "compare-runs?runs={runs}&experiments=[%22{experiment}%22]"
FILTER = "?searchFilter={}"
GENAI = "?workflowType=genai"
"""The UI has two faces; the pages of part 6 are reached from the bar of this one."""
UNFOLD = "[data-component-id*='runnamecellrenderer'] >> nth=0"
NARROW = ("Dataset", "Models")
"""Columns that are taken away, to have space for those that are asked for."""
MARKET = "5 stock market"

LOOKS = {
    "0": Look(RUNS, "accuracy", "0 start here", columns=["Dataset", "accuracy", "strategy"]),
    "1.1": Look(
        *(RUNS, "depth 2", "1.1 experiments and runs"), columns=[*NARROW, "accuracy", "max_depth"], clicks=[UNFOLD]
    ),
    "1.2": Look(OVERVIEW, "Datasets", "1.2 logging", "share of days up"),
    "1.3": Look(METRICS, "loss", "1.3 autologging", "keras"),
    "1.4": Look(
        RUNS + FILTER.format("metrics.r2_score > 0.85"),
        "r2_score",
        "1.4 forest",
        columns=[*NARROW, "r2_score", "max_depth"],
    ),
    "1.5": Look(
        *(COMPARE, "cv_mean", "1.5 hyperparameter search"),
        compared="cv_mean",
        clicks=[
            ".du-bois-light-select-selector >> nth=1",
            ".du-bois-light-select-item-option:has-text('cv_mean')",
            ".du-bois-light-select-selection-item:has-text('fold_accuracy') .anticon",
        ],
    ),
    "1.6": Look(ARTIFACTS + "/setups.json", "artifacts", "1.6 tracking server", "set-ups"),
    "2.1": Look(MODELS, "network", "2.1 the MLmodel format"),
    "2.2": Look(MODEL_FILES, "wind", "2.2 signatures", model="rides", clicks=["text=MLmodel"]),
    "2.3": Look(MODEL_FILES, "PythonModel", "2.3 custom models", model="sure", clicks=["text=sure.py"]),
    "2.4": Look(RUNS, "mean_cost", "2.4 evaluation", columns=[*NARROW, "mean_cost", "recall_score"]),
    "2.5": Look(
        *(RUNS, "cold_start_seconds", "2.5 serving"),
        columns=["Dataset", "latency_p50_ms", "latency_p99_ms", "cold_start_seconds"],
    ),
    "2.6": Look(MODELS, "boosting", "2.6 checkpoints"),
    "3.1": Look("models/wine-3-1", "champion"),
    "3.2": Look("models/wine-3-2", "Depth 2", clicks=["text=Tags >> nth=0"]),
    "3.3": Look(METRICS, "live_accuracy", "3.3 promote", "live"),
    "3.4": Look(ARTIFACTS + "/calls.json", "version", "3.4 webhooks", "calls"),
    "4.1": Look(RUNS, "accuracy", "4.1 projects", columns=[*NARROW, "accuracy", "depth", "rows", "seed"]),
    "4.2": Look(RUNS, "Version", "4.2 running projects", columns=[*NARROW, "Version", "rows", "seed"]),
    "4.3": Look(RUNS, "step.train", "4.3 workflow", columns=[*NARROW, "step.load", "step.train"], clicks=[UNFOLD]),
    "4.4": Look(RUNS, "sweep of how_deep", "4.4 notebooks as jobs", columns=[*NARROW, "depth"], clicks=[UNFOLD]),
    "5.1": Look(
        *(RUNS + FILTER.format("tags.stage = 'ideation'"), "persistence", MARKET),
        columns=[*NARROW, "accuracy", "accuracy_low", "accuracy_high", "stage"],
    ),
    "5.2": Look(METRICS, "leakage", MARKET, "leakage"),
    "5.3": Look(CHART + "&" + FILTER.format("tags.stage = 'prototype'")[1:], "accuracy", MARKET),
    "5.4": Look(RUNS, "Run Name", "5.4 pilot", columns=[*NARROW, "decision"], clicks=[UNFOLD]),
    "5.5": Look(METRICS, "p99_ms", "5.5 serving", "load test"),
    "5.6": Look(METRICS, "drift_share", "5.6 monitoring", "monitor 2008", charts="drift_[sv]"),
    "5.7": Look(ARTIFACTS + "/sweep.json", "threshold", "5.7 scaling out", "sweep"),
    "6.1": Look(
        "experiments/{experiment}/traces" + GENAI, "Where do deleted runs go", "6.1 traces", clicks=["text=Got it"]
    ),
    "6.2": Look("experiments/{experiment}/evaluation-runs" + GENAI, "counts", "6.2 evaluation of answers"),
    "6.3": Look("prompts/help-desk-6-3" + GENAI, "production"),
    "A.1": Look(ARTIFACTS + "/kubernetes.yaml", "Deployment", "A.1 clouds", "deployment"),
    "A.2": Look(ARTIFACTS + "/report.json", "day twice", "A.2 feature store", "check of broken prices"),
}
"""By the name of the picture, which is the number of its lesson."""

LAB, LAB_LESSON = "lesson-in-lab", "0"
"""The picture of the README and the site: a lesson in JupyterLab, after its first two cells."""
LAB_CELLS = 5


def browser_path() -> str:
    """Where Chromium is installed; ends with what to install when it is not."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    return found or sys.exit("Found no browser. Expected Chromium. Do this: apt-get install chromium")


def place(name: str) -> Path:
    """The file of a picture."""
    return (ROOT / "docs" / "images" if name == LAB else PICTURES) / f"{name}.png"


def digest(name: str) -> str:
    """What a picture is made of: its lesson, the place that it shows, and the versions of what shows it."""
    (lesson,) = lessons([LAB_LESSON if name == LAB else name], root=ROOT)
    cells = json.loads(lesson.path.read_text(encoding="utf-8"))["cells"]
    if name == LAB:
        facts = [["".join(cell["source"]) for cell in cells[:LAB_CELLS]], version("jupyterlab")]
    else:
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        logs = [source for source in code if "wb.check(" not in source and not re.search(DOTS, source)]
        facts = [logs, list(LOOKS[name]), version("mlflow")]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def out_of_date() -> list[str]:
    """Names of the pictures that are older than what they show, or that are missing."""
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    return [name for name in (*LOOKS, LAB) if record.get(name) != digest(name) or not place(name).exists()]


@contextlib.contextmanager
def answering(command: list[str], address: str, env: dict[str, str], folder: Path) -> Iterator[str]:
    """A server that is started and answers at an address, and is ended afterwards."""
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, "-m", *command], env=os.environ | env, cwd=folder, **silent) as process:
        try:
            while not answers(address):
                if process.poll() is not None:
                    sys.exit(f"The server did not come up: {' '.join(command)}")
                time.sleep(0.5)
            yield address
        finally:
            process.terminate()


def server(home: Path) -> contextlib.AbstractContextManager[str]:
    """MLflow's server on the store in a folder, and its address."""
    port = str(free_port())
    where = ["--backend-store-uri", f"sqlite:///{home / 'mlflow.db'}", "--default-artifact-root"]
    command = ["mlflow", "server", *where, str(home / "artifacts"), "--port", port, "--workers", "1"]
    env = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    return answering(command, f"http://127.0.0.1:{port}", env, home)


def lab(folder: Path, token: str) -> contextlib.AbstractContextManager[str]:
    """JupyterLab on a copy of the notebooks in which nothing has been run, and its address."""
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns(".*", "solutions"))
    (lesson,) = lessons([LAB_LESSON], root=folder)
    notebook = json.loads(lesson.path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        cell.update({"outputs": [], "execution_count": None} if cell["cell_type"] == "code" else {})
    lesson.path.write_text(json.dumps(notebook), encoding="utf-8")
    env = {
        "JUPYTER_TOKEN": token,
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
    }
    port = str(free_port())
    command = ["mlworkbench", "lab", "--no-browser", "--port", port, "--", "--allow-root"]
    return answering(command, f"http://127.0.0.1:{port}", env, folder)


def answers(address: str) -> bool:
    """Whether the server is ready: MLflow's says so at ``/health``, and JupyterLab has no such page."""
    with contextlib.suppress(requests.RequestException):
        return requests.get(f"{address}/health", timeout=5).status_code < HTTPStatus.INTERNAL_SERVER_ERROR
    return False


def address_of(look: Look, server_address: str) -> str:
    """The page of a look, with the ids of its experiment, run and model."""
    import mlflow

    client = mlflow.MlflowClient(server_address)
    ids = {}
    if look.experiment:
        ids["experiment"] = client.get_experiment_by_name(look.experiment).experiment_id
    if look.run:
        (newest, *_) = client.search_runs([ids["experiment"]], f"attributes.run_name = '{look.run}'")
        ids["run"] = newest.info.run_id
    if look.model:
        (newest_model, *_) = client.search_logged_models([ids["experiment"]], f"name = '{look.model}'")
        ids["model"] = newest_model.model_id
    if look.compared:
        runs = client.search_runs([ids["experiment"]], f"metrics.{look.compared} > 0")
        ids["runs"] = quote(json.dumps([run.info.run_id for run in runs]))
    return f"{server_address}/#/{look.page.format(**ids)}"


def take(context: Any, look: Look, address: str) -> bytes:
    """Open a page, choose columns and click, wait for what it shows, and take its picture."""
    page = context.new_page()
    page.goto(address)
    page.add_style_tag(content=NO_ASSISTANT)
    if look.columns:
        page.locator("[role='row'][row-index='0']").first.wait_for()  # before that, no metric is known as a column
        page.locator("[data-testid^='column-selection'] >> nth=0").click()
    for name in look.columns:
        page.get_by_placeholder("Search columns").fill(name)
        page.locator(".du-bois-light-tree-title", has_text=re.compile(f"^{re.escape(name)}$")).click()
    page.keyboard.press("Escape")
    for selector in look.clicks:
        page.locator(selector).click()
    page.keyboard.press("Escape")
    if look.charts:
        page.get_by_placeholder("Search metric charts").fill(look.charts)
    shown = page.get_by_text(look.shows).locator("visible=true").first
    shown.wait_for()
    shown.scroll_into_view_if_needed()
    page.wait_for_timeout(4000)  # charts are drawn in steps
    picture: bytes = page.screenshot()
    page.close()
    return picture


def take_lab(context: Any, address: str, token: str) -> bytes:
    """Open lesson 0 in JupyterLab, run its first two cells, and take its picture when the card is there."""
    page = context.new_page()
    page.goto(f"{address}/lab?token={token}&reset")
    (lesson,) = lessons([LAB_LESSON], root=ROOT)
    page.get_by_role("listitem", name=re.compile(lesson.path.name)).dblclick()
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    for number in range(2):
        page.locator(".jp-Notebook .jp-CodeCell .cm-content").nth(number).click()
        page.keyboard.press("Control+Enter")
    page.get_by_role("link", name="open this experiment").wait_for()
    page.keyboard.press("Escape")
    page.locator(".jp-WindowedPanel-outer").first.evaluate("panel => panel.scrollTo(0, 0)")
    page.wait_for_timeout(4000)  # the kernel's sign goes back to idle
    picture: bytes = page.screenshot()
    page.close()
    return picture


def save(name: str, picture: bytes) -> None:
    """Store a picture with 128 colours, a fifth of its size, and what it was made of."""
    place(name).parent.mkdir(exist_ok=True)
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(128).save(place(name), optimize=True)
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    RECORD.write_text(json.dumps({**record, name: digest(name)}, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def execute(wanted: list[Lesson], home: Path) -> None:
    """Execute the lessons on a store in a folder, as a user of no name."""
    command = [sys.executable, "-m", "mlworkbench", "run", *(lesson.id for lesson in wanted)]
    subprocess.run(
        command, cwd=ROOT, env=os.environ | {"MLWORKBENCH_HOME": str(home), "LOGNAME": "learner"}, check=True
    )


def main(wanted: list[str]) -> None:
    """Make the pictures that are named, or all that are out of date."""
    from playwright.sync_api import sync_playwright

    browser = browser_path()
    names = wanted or out_of_date()
    if not names:
        sys.exit("Every picture is as new as what it shows.")
    with tempfile.TemporaryDirectory(prefix="pictures-") as folder, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=QUIET)
        context = chromium.new_context(viewport=SIZE, color_scheme="light")
        context.set_default_timeout(PATIENCE)
        context.add_init_script(PREFERENCES)
        for name, picture in pictures(names, context, Path(folder)):
            save(name, picture)
            print("made", name)  # noqa: T201
        chromium.close()


def pictures(names: Sequence[str], context: Any, folder: Path) -> Iterator[tuple[str, bytes]]:
    """Take each of these pictures."""
    if LAB in names:
        token = secrets.token_hex(16)
        with lab(folder, token) as address:
            yield LAB, take_lab(context, address, token)
    if looks := [name for name in names if name != LAB]:
        home = folder / "home"
        execute(lessons(looks, root=ROOT), home)
        with server(home) as address:
            for name in looks:
                yield name, take(context, LOOKS[name], address_of(LOOKS[name], address))


if __name__ == "__main__":
    main(sys.argv[1:])

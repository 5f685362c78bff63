"""Make every picture of the lessons, the README and the docs from the running software. Run by `make screenshots`.

The lessons are executed on a store of their own, MLflow's server and JupyterLab are started on it, and a browser opens
each page of `LOOKS`. `pictures.json` keeps what each picture was made of: a test tells which are out of date.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import requests
from PIL import Image

from mlcourse.lessons import Lesson, lessons
from mlworkbench.ports import free_port

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "notebooks" / "images"
RECORD = PICTURES / "pictures.json"
SIZE = {"width": 1500, "height": 700}
PATIENCE = 120_000
"""How long a page may take to show what is waited for, in milliseconds."""
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
PREFERENCES = """
for (const [name, value] of [["mlflow.workflowType_v1", '"machine_learning"'],
                             ["mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true"]])
  if (localStorage.getItem(name) === null) localStorage.setItem(name, value);
"""
NO_ASSISTANT = "[aria-label*='ssistant'], [data-testid*='assistant'] { visibility: hidden }"


class Look(NamedTuple):
    """A place in the UI: what is opened, what has to be seen there, and what is clicked before the picture is taken.

    ``{experiment}`` in the page is the id of the experiment, ``{run}`` that of its run of the name ``run``.
    """

    page: str
    shows: str
    experiment: str = ""
    run: str = ""
    clicks: Sequence[str] = ()


RUNS, CHART, MODELS = (
    f"experiments/{{experiment}}/{page}" for page in ("runs", "runs?compareRunsMode=CHART", "models")
)
METRICS, ARTIFACTS = (f"experiments/{{experiment}}/runs/{{run}}/{page}" for page in ("model-metrics", "artifacts"))
MARKET = "5 stock market"

LOOKS = {
    "0": Look(RUNS, "a first guess", "0 start here"),
    "1.1": Look(RUNS, "max_depth", "1.1 experiments and runs", clicks=["Show more"]),
    "1.2": Look(METRICS, "share_up_of_year", "1.2 logging", "share of days up"),
    "1.3": Look(METRICS, "loss", "1.3 autologging", "keras"),
    "1.4": Look(CHART, "r2_score", "1.4 forest"),
    "1.5": Look(CHART, "cv_mean", "1.5 hyperparameter search"),
    "1.6": Look(ARTIFACTS, "setups.json", "1.6 tracking server", "set-ups"),
    "2.1": Look(MODELS, "network", "2.1 the MLmodel format"),
    "2.2": Look(MODELS, "rides", "2.2 signatures"),
    "2.3": Look(MODELS, "forest_onnx", "2.3 custom models"),
    "2.4": Look(CHART, "mean_cost", "2.4 evaluation"),
    "2.5": Look(RUNS, "latency", "2.5 serving"),
    "2.6": Look(MODELS, "boosting", "2.6 checkpoints"),
    "3.1": Look("models/wine-3-1", "champion"),
    "3.2": Look("models/wine-3-2", "production"),
    "3.3": Look("models/cells-3-3", "production"),
    "3.4": Look(ARTIFACTS, "calls.json", "3.4 webhooks", "calls"),
    "4.1": Look(RUNS, "Run Name", "4.1 projects"),
    "4.2": Look(RUNS, "Run Name", "4.2 running projects"),
    "4.3": Look(RUNS, "workflow", "4.3 workflow"),
    "4.4": Look(RUNS, "sweep of how_deep", "4.4 notebooks as jobs"),
    "5.1": Look(CHART, "accuracy", MARKET),
    "5.2": Look(METRICS, "leakage", MARKET, "leakage"),
    "5.3": Look(CHART, "accuracy", MARKET),
    "5.4": Look(RUNS, "Run Name", "5.4 pilot"),
    "5.5": Look(METRICS, "p99_ms", "5.5 serving", "load test"),
    "5.6": Look(METRICS, "drift_share", "5.6 monitoring", "monitor 2008"),
    "5.7": Look(ARTIFACTS, "sweep.json", "5.7 scaling out", "sweep"),
    "A.1": Look(ARTIFACTS, "kubernetes.yaml", "A.1 clouds", "deployment"),
}
"""By the name of the picture, which is the number of its lesson."""


def browser_path() -> str:
    """Where Chromium is installed; ends with what to install when it is not."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    return found or sys.exit("Found no browser. Expected Chromium. Do this: apt-get install chromium")


def digest(name: str) -> str:
    """What a picture is made of: the code of its lesson, the place that it shows, and MLflow's version."""
    (lesson,) = lessons([name], root=ROOT)
    cells = json.loads(lesson.path.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    facts = [code, list(LOOKS[name]), version("mlflow")]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def out_of_date() -> list[str]:
    """Names of the pictures that are older than what they show, or that are missing."""
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    return [name for name in LOOKS if record.get(name) != digest(name) or not (PICTURES / f"{name}.png").exists()]


@contextlib.contextmanager
def server(home: Path) -> Iterator[str]:
    """MLflow's server on the store in a folder, and its address."""
    port = free_port()
    where = [
        "--backend-store-uri",
        f"sqlite:///{home / 'mlflow.db'}",
        "--default-artifact-root",
        str(home / "artifacts"),
    ]
    command = [sys.executable, "-m", "mlflow", "server", *where, "--port", str(port), "--workers", "1"]
    env = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        address = f"http://127.0.0.1:{port}"
        try:
            while not answers(address):
                if process.poll() is not None:
                    sys.exit("MLflow's server did not come up.")
                time.sleep(0.5)
            yield address
        finally:
            process.terminate()


def answers(address: str) -> bool:
    """Whether the server is ready."""
    with contextlib.suppress(requests.RequestException):
        return requests.get(f"{address}/health", timeout=5).ok
    return False


def address_of(look: Look, server_address: str) -> str:
    """The page of a look, with the ids of its experiment and run."""
    import mlflow

    client = mlflow.MlflowClient(server_address)
    ids = {}
    if look.experiment:
        ids["experiment"] = client.get_experiment_by_name(look.experiment).experiment_id
    if look.run:
        (newest, *_) = client.search_runs([ids["experiment"]], f"attributes.run_name = '{look.run}'")
        ids["run"] = newest.info.run_id
    return f"{server_address}/#/{look.page.format(**ids)}"


def take(context: Any, look: Look, address: str) -> bytes:
    """Open a page, wait for what it shows, click, and take its picture."""
    page = context.new_page()
    page.goto(address)
    page.add_style_tag(content=NO_ASSISTANT)
    for text in look.clicks:
        page.get_by_text(re.compile(text)).first.evaluate("element => element.click()")  # it may be half hidden
    page.get_by_text(re.compile(look.shows)).first.wait_for()
    page.wait_for_timeout(4000)  # charts are drawn in steps
    picture: bytes = page.screenshot()
    page.close()
    return picture


def save(name: str, picture: bytes) -> None:
    """Store a picture with 128 colours, a fifth of its size, and what it was made of."""
    PICTURES.mkdir(exist_ok=True)
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(128).save(PICTURES / f"{name}.png", optimize=True)
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    RECORD.write_text(json.dumps({**record, name: digest(name)}, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def execute(wanted: list[Lesson], home: Path) -> None:
    """Execute the lessons on a store in a folder."""
    command = [sys.executable, "-m", "mlworkbench", "run", *(lesson.id for lesson in wanted)]
    subprocess.run(command, cwd=ROOT, env=os.environ | {"MLWORKBENCH_HOME": str(home)}, check=True)


def main(wanted: list[str]) -> None:
    """Make the pictures that are named, or all that are out of date."""
    from playwright.sync_api import sync_playwright

    browser = browser_path()
    names = wanted or out_of_date()
    if not names:
        sys.exit("Every picture is as new as what it shows.")
    with tempfile.TemporaryDirectory(prefix="pictures-") as folder, sync_playwright() as playwright:
        home = Path(folder, "home")
        execute(lessons(names, root=ROOT), home)
        with server(home) as address:
            chromium = playwright.chromium.launch(executable_path=browser, args=QUIET)
            context = chromium.new_context(viewport=SIZE, color_scheme="light")
            context.set_default_timeout(PATIENCE)
            context.add_init_script(PREFERENCES)
            for name in names:
                save(name, take(context, LOOKS[name], address_of(LOOKS[name], address)))
                print("made", name)  # noqa: T201
            chromium.close()


if __name__ == "__main__":
    main(sys.argv[1:])

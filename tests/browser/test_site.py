"""The site: it is built without a warning, no link in it is broken, and each page opens on a desk and on a phone."""

from __future__ import annotations

import functools
import http.server
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup
from playwright.sync_api import Browser

from mlcourse.lessons import lessons
from tests.browser.chromium import needs_browser
from tests.paths import ROOT

pytestmark = [pytest.mark.processes, pytest.mark.slow]

DESK = {"viewport": {"width": 1400, "height": 900}, "color_scheme": "light"}
PHONE = {"viewport": {"width": 400, "height": 800}, "color_scheme": "dark"}
KINDS = [
    "docs/site/index.html",
    "docs/site/api.html",
    "docs/architecture.html",
    "notebooks/01_tracking/01_experiments_and_runs.html",
]
KINDS += ["notebooks/exercises/03_registry/registry.html", "notebooks/05_stock_market/03_prototype.html"]
PATIENCE = 300_000  # milliseconds


class Silent(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *_: Any) -> None:
        pass


def build(source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", str(source / "docs/site")]
    return subprocess.run([*command, str(source), str(target)], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site, built anew."""
    folder = tmp_path_factory.mktemp("site")
    done = build(ROOT, folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Where the site is served."""
    handler = functools.partial(Silent, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def pages(site: Path) -> list[str]:
    """All pages but the first, which leads to the home page at once, and templates of the theme."""
    names = [str(page.relative_to(site)) for page in sorted(site.rglob("*.html")) if "_static" not in page.parts]
    return [name for name in names if name != "index.html"]


def broken_links(site: Path) -> list[str]:
    """Links within the site to files or headings that are not there."""
    read = {page: BeautifulSoup((site / page).read_text(encoding="utf-8"), "html.parser") for page in pages(site)}
    names = {page: {each["id"] for each in soup.find_all(id=True)} for page, soup in read.items()}
    broken = []
    for page, soup in read.items():
        for tag in soup.find_all(["a", "img", "script", "link"]):
            link = tag.get("href") or tag.get("src") or ""
            target, heading = urldefrag(link)
            if urlsplit(link).scheme or link in ("", "#"):
                continue
            file = (site / page).parent / unquote(target.partition("?")[0]) if target else site / page
            where = str(file.resolve().relative_to(site.resolve())) if file.exists() else ""
            if not where or (heading and where in names and unquote(heading) not in names[where]):
                broken.append(f"{page}: {link}")
    return broken


def test_every_lesson_and_exercise_is_there_with_its_outputs(site: Path) -> None:
    for lesson in lessons(root=ROOT):
        page = site / lesson.path.relative_to(ROOT).with_suffix(".html")
        assert "cell_output" in page.read_text(encoding="utf-8"), lesson.id
    assert len(list(site.glob("notebooks/exercises/*/*.html"))) == len(list(ROOT.glob("notebooks/exercises/*/*.ipynb")))
    assert not list(site.glob("notebooks/solutions/**/*.html"))


def test_no_link_within_the_site_is_broken(site: Path) -> None:
    assert not broken_links(site)


def test_make_site_names_a_broken_link_and_says_what_to_do(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs" / "site", tmp_path / "docs" / "site")
    for name in ("Makefile", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "docs" / "site" / "index.md").write_text("# Home\n\n[gone](nowhere.md)\n")
    (tmp_path / "docs" / "site" / "api.md").write_text("---\norphan: true\n---\n# Reference\n")
    command = ["make", f"BIN={Path(sys.executable).parent}", "--assume-old=setup", "site"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    (warning,) = [line for line in done.stderr.splitlines() if "nowhere.md" in line]
    assert "docs/site/index.md:3" in warning
    assert "Do this: mend each at its file and line." in done.stderr


def test_a_broken_link_is_found(site: Path, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(
        '<a href="gone.html">x</a><a href="#gone">y</a><h1 id="here"></h1><a href="#here">z</a>'
    )
    assert broken_links(tmp_path) == ["page.html: gone.html", "page.html: #gone"]


def test_a_page_that_no_list_names_stops_the_build(tmp_path: Path) -> None:
    for name in ("docs/site", "docs/images"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "docs/site/conf.py").write_text((ROOT / "docs/site/conf.py").read_text().replace('["_static", ', "["))
    (tmp_path / "docs/site/index.md").write_text("# Home\n")
    (tmp_path / "docs/lost.md").write_text("# Lost\n")
    done = build(tmp_path, tmp_path / "built")
    assert done.returncode != 0
    assert "lost.md: WARNING: document isn't included in any toctree" in done.stderr


@needs_browser
@pytest.mark.parametrize("device", [DESK, PHONE], ids=["desk, light", "phone, dark"])
def test_each_page_opens_without_an_error_or_a_word_to_others(
    site: Path, address: str, browser: Browser, device: dict[str, Any]
) -> None:
    context = browser.new_context(**device)
    context.set_default_timeout(PATIENCE)
    page, wrong = context.new_page(), []
    page.on("console", lambda said: wrong.append((page.url, said.text)) if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append((page.url, str(error))))
    page.on("request", lambda asked: None if asked.url.startswith((address, "data:")) else wrong.append(asked.url))
    for name in pages(site):
        page.goto(f"{address}/{name}", wait_until="load")
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            wrong.append((name, "is wider than the screen"))
        if page.locator(".mermaid").count():
            page.locator(".mermaid svg").first.wait_for()
    context.close()
    assert not wrong


@needs_browser
@pytest.mark.parametrize("device", [DESK, PHONE], ids=["desk, light", "phone, dark"])
@pytest.mark.parametrize("name", KINDS)
def test_everybody_can_use_a_page(address: str, browser: Browser, device: dict[str, Any], name: str) -> None:
    """axe-core finds no serious fault, and the keyboard reaches the content."""
    context = browser.new_context(**device)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(f"{address}/{name}", wait_until="load")
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    assert not [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")]
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent.trim()") == "Skip to main content"
    context.close()


@needs_browser
def test_the_first_page_leads_home(address: str, browser: Browser) -> None:
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.wait_for_url("**/docs/site/index.html")
    assert page.get_by_role("heading", level=1).inner_text().startswith("The MLflow workbook")
    page.close()

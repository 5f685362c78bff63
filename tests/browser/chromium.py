"""Chromium, where it is installed."""

from __future__ import annotations

import os
import shutil

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync"]

if BROWSER is None and os.environ.get("REQUIRE_BROWSER") == "1":
    pytest.fail("REQUIRE_BROWSER=1, but no Chromium is installed: apt-get install chromium", pytrace=False)
needs_browser = pytest.mark.skipif(
    BROWSER is None, reason="NO BROWSER FOUND: what a browser shows was NOT tested. Install chromium to test it."
)

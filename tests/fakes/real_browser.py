"""A real Chromium, closed as soon as nobody looks: drawing without a GPU takes the cores from the runs."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE_MS = 900_000  # other tests run beside this one
expect.set_options(timeout=PATIENCE_MS)
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@contextmanager
def chromium(**options: Any) -> Iterator[Page]:
    """A page in a browser of its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=ARGUMENTS)
        page = browser.new_page(**{"viewport": {"width": 1500, "height": 950}, "reduced_motion": "reduce", **options})
        page.set_default_timeout(PATIENCE_MS)
        yield page
        browser.close()

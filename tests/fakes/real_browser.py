"""A real Chromium. Pages are closed as soon as nobody looks: drawing without a GPU takes the cores from the runs."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

# The shell is the same engine without windows, for half the CPU time.
CHROMIUM = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "chromium-browser"))), None)
PATIENCE_MS = 900_000  # other tests run beside this one
expect.set_options(timeout=PATIENCE_MS)
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser, for all pages of a module."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=ARGUMENTS)
        yield started
        started.close()


@contextmanager
def page_in(started: Browser, **options: Any) -> Iterator[Page]:
    """A page that shares nothing with other pages: storage and cookies of its own."""
    context = started.new_context(**{"viewport": {"width": 1500, "height": 950}, "reduced_motion": "reduce", **options})
    try:
        context.set_default_timeout(PATIENCE_MS)
        yield context.new_page()
    finally:
        context.close()


@contextmanager
def chromium(**options: Any) -> Iterator[Page]:
    """A page in a browser of its own."""
    with browser() as started, page_in(started, **options) as page:
        yield page


def shoot(page: Page, name: str) -> None:
    """A picture of the page for people, into the folder $SCREENSHOTS; drawing it takes as long as a test's step."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=str(Path(folder, f"{name}.png")))

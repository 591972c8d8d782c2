"""Pages in a real browser: Debian's chromium, headless, without a network."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from archspec import api
from archspec.ir import Graph

Open = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = shutil.which("chromium")
    if found is None:
        pytest.fail("no `chromium` here, which these tests need: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def open_report(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens the report of a network, by name or compiled. At the end there must have been nothing on the console, no
    error, and no request but for the page itself."""
    said: list[str] = []
    contexts: list[Any] = []

    def log(message: ConsoleMessage) -> None:
        said.append(f"{message.type}: {message.text}")

    def opened(
        network: str | Graph, *, at: str = "", width: int = 1440, height: int = 900, scheme: Any = "light"
    ) -> Page:
        graph = api.load(network) if isinstance(network, str) else network
        path = api.report(graph).save(tmp_path / "report.html")
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", log)
        page.on("pageerror", lambda error: said.append(f"error: {error}"))
        page.on("request", lambda request: said.append(f"request: {request.url}") if _is_foreign(request.url) else None)
        page.goto(f"{path.as_uri()}{at}")
        page.wait_for_selector("html[data-ready]")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []


def _is_foreign(url: str) -> bool:
    return not url.startswith(("file:", "data:"))

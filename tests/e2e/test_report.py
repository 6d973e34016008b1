"""The HTML report in a browser: readable, filtered, and nothing for axe to find."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from hopkey.formats.collections import collections_read
from hopkey.reporters import html
from hopkey.runner.run import Options, run
from tests.runner.server import serving
from tests.support import samples


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with serving() as server:
        requests = [
            samples.request(
                f"Order {number}",
                endpoint=f"{server.url}/echo",
                testScript=f"console.log('said'); pm.test('<b>small</b>', () => pm.expect({number}).to.be.below(3))",
            )
            for number in range(4)
        ]
        down = samples.request("Down", endpoint="http://127.0.0.1:1/")
        result = run(collections_read(samples.collection("Orders", *requests, down)), None, Options(iterations=2))
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(html.render(result, bodies=True))
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_report_is_readable_and_can_be_filtered(browser: Browser, report: Path, scheme: str, width: int) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})  # type: ignore[arg-type]
    page = context.new_page()
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text))
    page.goto(report.as_uri())
    assert page.locator("h1").inner_text().split() == ["Failed", "Orders"]
    assert Axe().run(page).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("#query").fill("order 3")
    assert page.locator("#count").inner_text() == "2 of 10"
    page.locator("#query").fill("")
    page.locator("#failed").check()
    assert page.locator(".request:visible").count() == 4
    page.locator("#query").fill("nothing like it")
    assert page.locator("#none").is_visible()
    assert errors == []
    context.close()

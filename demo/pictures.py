"""The pictures of the documentation, taken anew: a team and a company are filled in, served and photographed with Chromium.

    .venv/bin/python demo/pictures.py

Writes docs/images/*.png. Needs Chromium and the development requirements.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import company  # noqa: E402

import run as demo  # noqa: E402

Picture = tuple[str, str, Callable[[Page], None] | None]
"""The name of the file, the page's address, and what to do there first."""

IMAGES = HERE.parent / "docs" / "images"
SIZE = {"width": 1180, "height": 720}
WIDE = {"width": 1280, "height": 800}
LARGEST = 200_000
"""Bytes a picture may have."""
TOKENS = (
    # owner, label, expires, only the demo's team, hours since its last use (None: never), address, agent
    (demo.EMAIL, "nightly build", "30", True, 3, "10.20.0.7", "hopkey/0.1.0 (Linux)"),
    (demo.EMAIL, "release pipeline", "90", True, 26, "10.20.0.9", "hopp-cli/0.31.0"),
    (demo.EMAIL, "laptop", "7", False, 1, "192.168.1.20", "hopkey/0.1.0 (Darwin)"),
    (demo.EMAIL, "dashboard of the office", "never", False, None, "", ""),
    (demo.BEN, "load test", "60", False, 70, "10.20.0.31", "hopkey/0.1.0 (Linux)"),
    (demo.BEN, "laptop of Ben", "30", True, None, "", ""),
)


def main() -> int:
    with served(fill_team) as (url, ids):
        pictures = team_pictures(url, *ids)
        take(url, demo.EMAIL, SIZE, pictures)
    with served(fill_company) as (url, _):
        take(url, company.ADMINISTRATOR, WIDE, console_pictures(url))
    too_large = [path.name for path in IMAGES.glob("*.png") if path.stat().st_size >= LARGEST]
    print(f"too large: {', '.join(too_large)}" if too_large else f"written to {IMAGES}")
    return 1 if too_large else 0


@contextlib.contextmanager
def served(fill: Callable[[dict[str, str]], tuple[str, ...]]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """A server on a data directory of its own that `fill` has filled: its address, and what `fill` returned."""
    with tempfile.TemporaryDirectory() as folder:
        environ = {key: value for key, value in os.environ.items() if not key.startswith(("HOPKEY_", "HOPP_"))}
        environ["HOPKEY_DATA_DIR"] = folder
        made = fill(environ)
        server, url = demo.serve(environ, demo.free_port(8080))
        try:
            yield url, made
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)


def fill_team(environ: dict[str, str]) -> tuple[str, ...]:
    """The demo's team; its id and that of its collection."""
    demo.run(environ, "migrate")
    team = demo.make_team(environ)
    collection = demo.make_collection(environ, team)
    demo.make_environment(environ, team, "http://127.0.0.1:8091")
    for owner, label, expires, only, *_ in TOKENS:
        given = ["--team", team] if only else []
        demo.admin(environ, "token", "issue", "--user", owner, "--label", label, "--expires", expires, *given)
    use(Path(environ["HOPKEY_DATA_DIR"]) / "hopkey.sqlite3")
    return team, collection


def fill_company(environ: dict[str, str]) -> tuple[str, ...]:
    settings = {**environ, "DJANGO_SETTINGS_MODULE": "hopkey.server.settings"}
    subprocess.run([sys.executable, str(HERE / "company.py")], env=settings, check=True)
    return ()


def use(database: Path) -> None:
    """As if the tokens had been used."""
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        for _, label, _, _, hours, address, agent in TOKENS:
            if hours is None:
                continue
            connection.execute(
                "UPDATE hopkey_token_use SET used_at = datetime('now', ?), idle_since = datetime('now', ?), "
                "address = ?, agent = ? WHERE token_id = (SELECT id FROM hopkey_token WHERE label = ?)",
                (f"-{hours} hours", f"-{hours} hours", address, agent, label),
            )


def team_pictures(url: str, team: str, collection: str) -> list[Picture]:
    def palette(page: Page) -> None:
        page.keyboard.press("Control+k")
        page.locator("#palette-list [role=option]").first.wait_for()
        page.keyboard.type("to")

    def generate(page: Page) -> None:
        page.get_by_role("link", name="Generate new token").first.click()
        page.get_by_role("dialog").get_by_label("Label").fill("smoke test of staging")

    def generated(page: Page) -> None:
        page.get_by_label("Label").fill("smoke test of staging")
        page.get_by_role("button", name="Generate token").click()
        page.locator("#token").wait_for()

    def opened(page: Page) -> None:
        page.locator(".branch summary").first.click()

    def cut_off(page: Page) -> None:
        page.get_by_role("link", name="Cut off… load test").click()

    home = f"{url}/workspaces/{team}"
    return [
        ("tokens", f"{url}/profile/tokens", None),
        ("generate", f"{url}/profile/tokens", generate),
        ("collections", f"{home}/collections/{collection}", opened),
        ("environments", f"{home}/environments", None),
        ("members", f"{home}/members", None),
        ("team-tokens", f"{home}/tokens", None),
        ("cut-off", f"{home}/tokens", cut_off),
        ("palette", home, palette),
        ("generated", f"{url}/profile/tokens/new", generated),
    ]


def console_pictures(url: str) -> list[Picture]:
    def chosen(page: Page) -> None:
        for number in range(1, 4):
            page.locator("tbody input[type=checkbox]").nth(number - 1).check()

    def preview(page: Page) -> None:
        page.get_by_label("Longest lifetime, in days").fill("60")
        page.get_by_label("Days unused").fill("60")
        page.get_by_role("button", name="See what it would stop").click()
        page.get_by_role("heading", name="It would stop").wait_for()

    return [
        ("console-overview", f"{url}/console", None),
        ("console-tokens", f"{url}/console/tokens?state=expiring", chosen),
        ("console-policy", f"{url}/console/policy", preview),
    ]


def take(url: str, email: str, size: dict[str, int], pictures: list[Picture]) -> None:
    """Sign in, and photograph each page after what is to be done there."""
    with sync_playwright() as playwright:
        path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_context(viewport=size, color_scheme="light", reduced_motion="reduce").new_page()  # type: ignore[arg-type]
        page.goto(f"{url}/sign-in")
        page.get_by_label("E-mail").fill(email)
        page.get_by_label("Password").fill(demo.PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url("**/workspaces/*")
        for name, address, act in pictures:
            page.goto(address)
            if act is not None:
                act(page)
            page.wait_for_load_state("networkidle")
            page.screenshot(path=IMAGES / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    sys.exit(main())

"""What a person does, in a real browser."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.live.conftest import World
from tests.support import samples
from tests.support.servers import PASSWORD, Running, site


def sign_in(page: Page, url: str, email: str, password: str = PASSWORD) -> None:
    page.goto(f"{url}/sign-in")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_load_state()


def test_from_the_set_up_link_to_a_deleted_token(page: Page, tmp_path: Path) -> None:
    """Set up, generate, copy, use from the command line, see the last use, delete, be refused; and the string sweep."""
    with site(tmp_path, "sqlite") as made:
        server = made.serve(HOPKEY_LOG_LEVEL="debug")
        link = first_link(server)
        page.goto(link)
        assert link.rsplit("/", 1)[1] not in page.url, "the secret leaves the address at once"
        page.get_by_label("Name").fill("Ana Okafor")
        page.get_by_label("E-mail").fill("ana@example.com")
        page.get_by_label("Password").fill("short")
        page.get_by_role("button", name="Create account").click()
        assert page.get_by_role("alert").is_visible()
        assert page.get_by_label("E-mail").input_value() == "ana@example.com", "what was typed is kept"
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Create account").click()
        page.get_by_role("link", name="Create a team").click()
        page.get_by_label("Name").fill("Orders")
        page.get_by_role("button", name="Create team").click()

        script = 'pw.test("sum", () => { pw.expect(1 + 1).toBe(2); });'
        file = tmp_path / "upload.json"
        import json

        target = samples.request("Health", endpoint=f"{server.url}/healthz", testScript=script)
        file.write_text(json.dumps(samples.collection("Smoke", target)), "utf-8")
        page.get_by_role("link", name="Import…").click()
        page.get_by_label("Hoppscotch JSON file").set_input_files(file)
        page.get_by_role("button", name="Import").click()
        page.get_by_text("Imported Smoke.").first.wait_for()
        collection = page.get_by_role("row", name=re.compile("Smoke")).locator("code").inner_text()

        page.get_by_label("Profile menu of Ana Okafor").click()
        page.get_by_role("link", name="Profile settings").click()
        page.get_by_role("navigation", name="Profile settings").get_by_role(
            "link", name="Personal Access Tokens"
        ).click()
        page.get_by_text("No tokens yet").wait_for()
        page.get_by_role("link", name="Generate new token").first.click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Label").fill("nightly build")
        dialog.get_by_text("90 days").click()
        dialog.get_by_role("button", name="Generate token").click()
        token = page.locator("#token").inner_text()
        assert re.fullmatch(r"hkp_[0-9A-Za-z]{12}_[0-9A-Za-z]{38}", token)
        page.get_by_role("button", name="Copy token").click()
        page.get_by_role("button", name="Copied").wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == token
        assert f"--token {token}" in page.locator("#command").inner_text()
        page.get_by_role("link", name="Done").click()
        assert token not in page.content()
        row = page.get_by_role("row", name=re.compile("nightly build"))
        assert f"hkp_{token[4:16]}…" in row.inner_text()
        assert "never" in row.locator("[data-label='Last used']").inner_text()

        done = made.command("test", collection, "--server", server.url, HOPKEY_TOKEN=token)
        assert (done.returncode, "✔ sum" in done.stdout) == (0, True), done.stderr
        assert token not in done.stdout + done.stderr
        for _ in range(60):
            page.reload()
            if "just now" in row.locator("[data-label='Last used']").inner_text():
                break
            time.sleep(0.2)
        assert "just now" in row.locator("[data-label='Last used']").inner_text()

        row.get_by_role("link", name="Delete nightly build").click()
        dialog = page.get_by_role("dialog")
        assert "Delete token “nightly build”?" in dialog.inner_text()
        dialog.get_by_role("button", name="Delete token").click()
        page.get_by_text("Deleted “nightly build”").first.wait_for()
        refused = made.command("test", collection, "--server", server.url, HOPKEY_TOKEN=token)
        assert refused.returncode == 4
        assert "ERROR_CODE: TOKEN_INVALID" in refused.stderr
        assert token not in refused.stdout + refused.stderr

        server.stop()
        secret = token.split("_")[2]
        assert secret not in server.output, "no token in the logs"
        for path in made.data_dir.rglob("*"):
            if path.is_file():
                assert secret.encode() not in path.read_bytes(), f"no token in {path.name}"


def first_link(server: Running) -> str:
    """The set-up link that `serve` prints."""
    server.wait_until_said("/welcome/")
    found = re.search(r"http://\S+/welcome/\S+", server.output)
    assert found is not None
    return found.group()


def test_signing_out_ends_the_session_on_the_server(page: Page, world: World) -> None:
    sign_in(page, world.server.url, "ana@example.com")
    cookies = page.context.cookies()
    page.get_by_label("Profile menu of Ana").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    page.context.clear_cookies()
    page.context.add_cookies(cookies)  # type: ignore[arg-type]
    page.goto(f"{world.server.url}/profile")
    assert "/sign-in" in page.url


def test_a_wrong_password_is_refused_and_guessing_is_slowed(page: Page, world: World) -> None:
    for _ in range(7):
        sign_in(page, world.server.url, "eve@example.com", "wrong-password")
        assert page.get_by_role("alert").is_visible()
    sign_in(page, world.server.url, "eve@example.com")
    assert "Too many failed" in page.get_by_role("alert").inner_text()


def test_a_deactivated_account_is_out_at_once(page: Page, world: World) -> None:
    world.site.user("leaver@example.com")
    sign_in(page, world.server.url, "leaver@example.com")
    assert "/sign-in" not in page.url
    world.site.admin("user", "deactivate", "leaver@example.com")
    page.goto(f"{world.server.url}/profile")
    assert "/sign-in" in page.url
    sign_in(page, world.server.url, "leaver@example.com")
    assert page.get_by_role("alert").is_visible()


def test_an_invitation_makes_an_account_and_a_member_once(page: Page, world: World, browser: Browser) -> None:
    sign_in(page, world.server.url, "ana@example.com")
    page.get_by_role("link", name="Members").click()
    page.get_by_label("E-mail (optional)").fill("new@example.com")
    page.get_by_role("button", name="Create invitation link").click()
    link = page.locator("#invitation").inner_text()
    guest = browser.new_context().new_page()
    guest.goto(link)
    guest.get_by_label("Name").fill("Newcomer")
    guest.get_by_label("Password").fill(PASSWORD)
    guest.get_by_role("button", name="Create account and join").click()
    guest.get_by_text("You are now in Orders.").first.wait_for()
    assert not guest.get_by_role("link", name="Import…").count(), "a viewer imports nothing"
    again = browser.new_context().new_page()
    again.goto(link)
    assert again.get_by_text("This link does not work").is_visible()


def test_what_others_own_is_not_found(page: Page, world: World) -> None:
    sign_in(page, world.server.url, "ben@example.com")
    other = world.site.team("Secret plans", "ana@example.com")
    answer = page.goto(f"{world.server.url}/workspaces/{other}")
    assert answer is not None
    assert answer.status == 404
    assert "Secret plans" not in page.content()


PAGES = [
    "/profile",
    "/profile/tokens",
    "/profile/tokens/new",
    "/teams/new",
    "/nowhere",
    "{w}",
    "{w}/collections/{c}",
    "{w}/environments",
    "{w}/import",
    "{w}/members",
    "{w}/tokens",
    "{w}/tokens?show=cut-off",
    "{w}/tokens/{t}/cut-off",
    "{w}/settings",
    "{w}/delete",
]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_overflows(page: Page, world: World, theme: str) -> None:
    """Every page, both themes, at 1280 and at 360 pixels."""
    script = Axe()
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    page.goto(f"{world.server.url}/sign-in")
    found = {"/sign-in": script.run(page).response["violations"]}
    sign_in(page, world.server.url, "ana@example.com")
    token = world.site.token("ana@example.com")["id"]
    for path in PAGES:
        for width in (1280, 360):
            page.set_viewport_size({"width": width, "height": 800})
            page.goto(world.server.url + path.format(w=f"/workspaces/{world.team}", c=world.collection, t=token))
            found[f"{path} {width}"] = script.run(page).response["violations"]
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(f"{world.server.url}/profile/tokens")
    page.get_by_role("link", name="Generate new token").first.click()
    found["dialog"] = script.run(page).response["violations"]
    problems = {
        where: [(item["id"], item["nodes"][0]["html"][:200]) for item in items]
        for where, items in found.items()
        if items
    }
    assert problems == {}


def test_everything_works_without_javascript(browser: Browser, world: World) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    sign_in(page, world.server.url, "ana@example.com")
    page.goto(f"{world.server.url}/profile/tokens")
    page.get_by_role("link", name="Generate new token").first.click()
    page.get_by_label("Label").fill("without script")
    page.get_by_role("button", name="Generate token").click()
    assert page.locator("#token").inner_text().startswith("hkp_")
    page.get_by_role("link", name="Done").click()
    page.get_by_role("link", name="Delete without script").click()
    page.get_by_role("button", name="Delete token").click()
    assert page.get_by_text("Deleted “without script”").is_visible()


def test_sending_the_form_twice_makes_one_token(browser: Browser, world: World) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    sign_in(page, world.server.url, "ben@example.com")
    page.goto(f"{world.server.url}/profile/tokens/new")
    names = ("csrfmiddlewaretoken", "once")
    form = page.locator("form.form")
    given = {name: form.locator(f"input[name={name}]").input_value() for name in names}
    given |= {"label": "once only", "expiry": "30", "reach": "all"}
    headers = {"Referer": page.url}
    answers = [page.request.post(page.url, form=given, headers=headers) for _ in range(2)]
    assert [answer.status for answer in answers] == [201, 200]
    assert "generated already" in answers[1].text()
    page.goto(f"{world.server.url}/profile/tokens")
    assert page.get_by_role("row", name=re.compile("once only")).count() == 1


def test_pages_carry_a_strict_policy_and_are_not_cached(world: World) -> None:
    answer = world.server.get("/sign-in")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert "<script>" not in answer.data.decode()
    assert not re.search(r"\son\w+=|\sstyle=", answer.data.decode())

"""Who one is, in a real browser: confirming a sign-in, sessions, second factors, passkeys, single sign-on."""

from __future__ import annotations

import contextlib
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.e2e.test_journeys import sign_in
from tests.live.conftest import World
from tests.support.provider import CLIENT, SECRET
from tests.support.servers import HTTP, PASSWORD, Running, Site, free_port, site
from tests.support.sessions import age_sign_ins
from tests.support.totp import totp

ROOT = Path(__file__).parents[2]


def accessible(page: Page) -> None:
    """axe finds nothing and nothing overflows, at 360 and 1280 pixels, light and dark."""
    before = page.viewport_size
    found = {}
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        for width in (360, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            page.wait_for_timeout(250)  # colours fade over
            for item in Axe().run(page).response["violations"]:
                found[f"{theme} {width} {item['id']}"] = item["nodes"][0]["html"][:200]
            assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert found == {}
    if before:
        page.set_viewport_size(before)


def test_an_old_sign_in_is_confirmed_without_losing_what_was_typed(page: Page, world: World) -> None:
    sign_in(page, world.server.url, "ana@example.com")
    page.goto(f"{world.server.url}/profile/tokens")
    page.get_by_role("link", name="Generate new token").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Label").fill("typed before")
    dialog.get_by_text("90 days").click()
    age_sign_ins(world.site, 61)
    dialog.get_by_role("button", name="Generate token").click()
    page.get_by_role("heading", name="Confirm that it is you").wait_for()
    accessible(page)
    page.get_by_label(re.compile("Password of")).fill("wrong")
    page.get_by_role("button", name="Confirm").click()
    assert page.get_by_role("alert").inner_text() == "This password is not right."
    page.get_by_label(re.compile("Password of")).fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.locator("#token").wait_for()
    page.get_by_role("button", name="Copy token").click()
    page.get_by_role("link", name="Done").click()
    row = page.get_by_role("row", name=re.compile("typed before"))
    assert "in 90 days" in row.inner_text()
    row.get_by_role("link", name="Delete typed before").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete token").click()
    page.get_by_text("Deleted “typed before”").first.wait_for()


def test_signing_out_there(page: Page, world: World, browser: Browser) -> None:
    sign_in(page, world.server.url, "ben@example.com")
    phone = browser.new_context(
        user_agent="Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1"
    ).new_page()
    sign_in(phone, world.server.url, "ben@example.com")
    page.goto(f"{world.server.url}/profile")
    page.get_by_role("link", name="Security").click()
    assert "this one" in page.get_by_role("row", name=re.compile("Chrome on Linux")).inner_text()
    row = page.get_by_role("row", name=re.compile("Safari on iPhone"))
    assert "127.0.0.1" in row.inner_text()
    accessible(page)
    row.get_by_role("button", name=re.compile("Sign out there")).click()
    page.get_by_text("Signed out there.").first.wait_for()
    assert not page.get_by_role("row", name=re.compile("Safari on iPhone")).count()
    phone.goto(f"{world.server.url}/profile")
    assert "/sign-in" in phone.url
    sign_in(phone, world.server.url, "ben@example.com")
    page.reload()
    page.get_by_role("button", name="Sign out everywhere else").click()
    page.get_by_text("1 session ended.").first.wait_for()
    phone.goto(f"{world.server.url}/profile")
    assert "/sign-in" in phone.url


@pytest.mark.parametrize("script", [True, False])
def test_confirming_works_without_script_too(browser: Browser, world: World, script: bool) -> None:
    page = browser.new_context(java_script_enabled=script).new_page()
    sign_in(page, world.server.url, "ana@example.com")
    page.goto(f"{world.server.url}/profile/tokens/new")
    page.get_by_label("Label").fill("without script")
    age_sign_ins(world.site, 61)
    page.get_by_role("button", name="Generate token").click()
    page.get_by_label(re.compile("Password of")).fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    assert page.locator("#token").inner_text().startswith("hkp_")


def security(page: Page, url: str) -> None:
    page.goto(f"{url}/profile")
    page.get_by_role("link", name="Security").click()
    page.get_by_role("heading", name="Second factor").wait_for()


def somebody(world: World) -> str:
    """A fresh account, so that attempts are counted apart."""
    email = f"p{secrets.token_hex(4)}@example.com"
    world.site.user(email)
    return email


def local(url: str) -> str:
    """Passkeys know names only, no addresses."""
    return url.replace("127.0.0.1", "localhost")


@contextlib.contextmanager
def authenticator(page: Page) -> Iterator[None]:
    """A device with a fingerprint reader, as DevTools offers it."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    yield
    session.send("WebAuthn.disable")


def test_an_authenticator_app_and_its_recovery_codes(page: Page, world: World) -> None:
    email = somebody(world)
    sign_in(page, world.server.url, email)
    security(page, world.server.url)
    page.get_by_role("link", name="Set up an authenticator app").click()
    uri = page.locator("#totp-key").inner_text()
    accessible(page)
    secret = uri.replace(" ", "")
    page.get_by_label("Code", exact=True).fill("000000")
    page.get_by_role("button", name="Turn on").click()
    page.get_by_role("alert").wait_for()
    assert page.locator("#totp-key").inner_text().replace(" ", "") == secret, "the same key: nothing to scan again"
    page.get_by_label("Code", exact=True).fill(totp(secret, steps=-1))
    page.get_by_role("button", name="Turn on").click()
    codes = page.locator("#codes").inner_text().split()
    assert len(codes) == 10
    accessible(page)
    page.get_by_role("button", name="Copy codes").click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()").split() == codes
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert Path(download.value.path()).read_text("utf-8").split() == codes
    page.get_by_role("link", name="I have kept them").click()
    assert codes[0] not in page.content()
    page.get_by_label(re.compile("Profile menu")).click()
    page.get_by_role("button", name="Sign out").click()

    sign_in(page, world.server.url, email)
    page.get_by_role("heading", name="One more step").wait_for()
    accessible(page)
    page.get_by_label("Code").fill("123456")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("alert").wait_for()
    page.get_by_label("Code").fill(totp(secret))
    page.get_by_role("button", name="Continue").click()
    page.get_by_label(re.compile("Profile menu")).click()
    page.get_by_role("button", name="Sign out").click()

    sign_in(page, world.server.url, email)
    page.get_by_label("Code").fill(codes[4])
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("You used a recovery code; 9 left").first.wait_for()
    security(page, world.server.url)
    accessible(page)
    page.get_by_role("link", name="Remove the authenticator app").click()
    page.get_by_text("It is your last second factor").wait_for()
    accessible(page)
    page.get_by_role("button", name="Remove").click()
    page.get_by_text("The authenticator app is removed.").first.wait_for()


def test_a_passkey_signs_in_is_a_second_factor_and_confirms(page: Page, world: World) -> None:
    email, url = somebody(world), local(world.server.url)
    sign_in(page, url, email)
    with authenticator(page):
        security(page, url)
        page.get_by_role("link", name="Add a passkey").click()
        accessible(page)
        page.get_by_label("Name").fill("test laptop")
        page.get_by_role("button", name="Add passkey").click()
        page.get_by_role("heading", name="Your recovery codes").wait_for()
        page.get_by_role("link", name="I have kept them").click()
        page.get_by_role("heading", name="Passkey “test laptop”").wait_for()
        page.get_by_role("link", name="Add a passkey").click()
        page.get_by_label("Name").fill("again")
        page.get_by_role("button", name="Add passkey").click()
        page.get_by_text("This device has a passkey for your account already.").wait_for()
        page.get_by_label(re.compile("Profile menu")).click()
        page.get_by_role("button", name="Sign out").click()

        accessible(page)
        page.get_by_role("button", name="Use a passkey").click()
        page.get_by_label(re.compile("Profile menu")).wait_for()
        assert "/sign-in" not in page.url, "nothing else is asked"
        page.get_by_label(re.compile("Profile menu")).click()
        page.get_by_role("button", name="Sign out").click()

        sign_in(page, url, email)
        page.get_by_role("button", name="Use a passkey").click()
        page.get_by_label(re.compile("Profile menu")).wait_for()

        page.goto(f"{url}/profile/tokens/new")
        page.get_by_label("Label").fill("by passkey")
        age_sign_ins(world.site, 61)
        page.get_by_role("button", name="Generate token").click()
        page.get_by_role("button", name="Confirm with a passkey").click()
        assert page.locator("#token").inner_text().startswith("hkp_")
        page.get_by_role("button", name="Copy token").click()
        security(page, url)
        page.get_by_role("link", name="Remove the passkey test laptop").click()
        page.get_by_role("button", name="Remove").click()
        page.get_by_text("The passkey “test laptop” is removed.").first.wait_for()
        page.get_by_label(re.compile("Profile menu")).click()
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("button", name="Use a passkey").click()
        page.get_by_role("alert").filter(has_text="This passkey was not taken").wait_for()


def test_a_passkey_nobody_unlocks_says_what_to_do(page: Page, world: World) -> None:
    page.goto(local(world.server.url) + "/sign-in")
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "usb", "hasUserVerification": False}
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    page.evaluate(
        "() => { navigator.credentials.get = () => Promise.reject(new DOMException('', 'NotAllowedError')); }"
    )
    page.get_by_role("button", name="Use a passkey").click()
    page.get_by_text("No passkey was used. Try again, or use another way.").wait_for()
    accessible(page)


class Provider:
    """The provider of tests/support/provider.py, in a process of its own."""

    def __init__(self) -> None:
        port = free_port()
        self.issuer = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "tests.support.provider", str(port)]
        self.process = subprocess.Popen(command, cwd=ROOT)
        for _ in range(200):
            with contextlib.suppress(Exception):
                HTTP.request("GET", f"{self.issuer}/jwks")
                return
            assert self.process.poll() is None
            time.sleep(0.05)
        raise AssertionError("the provider did not answer")

    def control(self, **given: object) -> None:
        assert HTTP.request("POST", f"{self.issuer}/control", json=given).status == 200

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.stop()


def served_with(made: Site, provider: Provider, **environ: str) -> Running:
    return made.serve(
        HOPKEY_OIDC_ISSUER=provider.issuer,
        HOPKEY_OIDC_CLIENT_ID=CLIENT,
        HOPKEY_OIDC_CLIENT_SECRET=SECRET,
        HOPKEY_OIDC_NAME="Acme",
        **environ,
    )


def test_single_sign_on_from_the_first_time_to_the_day_it_is_down(
    page: Page, provider: Provider, tmp_path: Path
) -> None:
    known = {"sub": "u-ana", "email": "ana@example.com", "email_verified": True, "name": "Ana"}
    new = {"sub": "u-new", "email": "new@corp.example", "email_verified": True, "name": "New Person"}
    stranger = {"sub": "u-eve", "email": "eve@evil.example", "email_verified": True, "name": "Eve"}
    provider.control(people=[known, new, stranger])
    with site(tmp_path, "sqlite") as made:
        made.user("ana@example.com", "--administrator")
        signup = {"HOPKEY_SIGNUP": "domain", "HOPKEY_SIGNUP_DOMAINS": "corp.example"}
        server = served_with(made, provider, HOPKEY_PASSWORD_SIGN_IN="no", **signup)
        page.goto(f"{server.url}/profile/tokens")
        assert not page.get_by_label("Password").count()
        accessible(page)
        page.get_by_role("link", name="Sign in with Acme").click()
        query = parse_qs(urlsplit(page.url).query)
        assert query["code_challenge_method"] == ["S256"]
        page.get_by_role("button", name="Sign in as u-ana").click()
        page.wait_for_url("**/profile/tokens")
        security(page, server.url)
        assert page.get_by_text("as ana@example.com").is_visible()
        accessible(page)

        page.goto(f"{server.url}/profile/tokens/new")
        age_sign_ins(made, 61)
        page.get_by_label("Label").fill("after confirming there")
        page.get_by_role("button", name="Generate token").click()
        page.get_by_role("link", name="Confirm with Acme").click()
        page.get_by_role("button", name="Sign in as u-ana").click()
        page.wait_for_url("**/profile/tokens/new")
        page.get_by_label("Label").fill("after confirming there")
        page.get_by_role("button", name="Generate token").click()
        page.locator("#token").wait_for()
        page.get_by_role("button", name="Copy token").click()
        page.get_by_label(re.compile("Profile menu")).click()
        page.get_by_role("button", name="Sign out").click()

        page.get_by_role("link", name="Sign in with Acme").click()
        page.get_by_role("button", name="Sign in as u-new").click()
        page.get_by_label("Profile menu of New Person").click()
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("link", name="Sign in with Acme").click()
        page.get_by_role("button", name="Sign in as u-eve").click()
        page.get_by_text("Accounts here are for addresses of corp.example").wait_for()
        accessible(page)
        page.get_by_role("link", name="Back").click()
        page.get_by_role("link", name="Sign in with Acme").click()
        page.get_by_role("button", name="Cancel").click()
        page.get_by_text("You did not sign in there.").wait_for()

        made.admin("user", "deactivate", "new@corp.example")
        page.goto(f"{server.url}/sign-in")
        page.get_by_role("link", name="Sign in with Acme").click()
        page.get_by_role("button", name="Sign in as u-new").click()
        page.get_by_text("This account is deactivated.").wait_for()

        link = str(made.admin("user", "link", "ana@example.com")["link"])
        provider.stop()
        server.stop()
        server = served_with(made, provider, HOPKEY_PASSWORD_SIGN_IN="no", **signup)
        page.goto(f"{server.url}/sign-in")
        page.get_by_role("link", name="Sign in with Acme").click()
        page.get_by_text("The sign-in service does not answer as it should.").wait_for()
        accessible(page)
        page.goto(f"{server.url}/welcome/{link.rsplit('/', 1)[1]}")
        page.get_by_role("button", name="Sign in").click()
        page.get_by_label("Profile menu of Ana").wait_for()


def test_a_required_second_factor_is_set_up_before_anything_else(page: Page, tmp_path: Path) -> None:
    with site(tmp_path, "sqlite") as made:
        made.user("ana@example.com")
        server = made.serve(HOPKEY_REQUIRE_SECOND_FACTOR="everybody")
        sign_in(page, server.url, "ana@example.com")
        page.get_by_text("Set up a second factor first.").wait_for()
        accessible(page)
        page.goto(f"{server.url}/profile/tokens")
        assert page.url.endswith("/profile/security")
        page.get_by_role("link", name="Set up an authenticator app").click()
        page.get_by_label("Code", exact=True).fill(totp(page.locator("#totp-key").inner_text().replace(" ", "")))
        page.get_by_role("button", name="Turn on").click()
        page.get_by_role("link", name="I have kept them").click()
        page.goto(f"{server.url}/profile/tokens")
        expect(page.get_by_role("heading", name="Personal Access Tokens")).to_be_visible()

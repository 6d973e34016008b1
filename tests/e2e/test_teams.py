"""Teams and tokens in a real browser: cutting off, choosing, searching, going places, leaving."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.e2e.test_journeys import sign_in
from tests.live.conftest import World
from tests.support import samples

WIDTHS = (360, 1280)


def axe(page: Page) -> list[tuple[str, str]]:
    found = Axe().run(page).response["violations"]
    return [(item["id"], item["nodes"][0]["html"][:200]) for item in found]


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.textContent.trim() || document.activeElement.id"))


def test_an_owner_cuts_a_token_off_and_its_owner_is_told(page: Page, world: World, browser: Browser) -> None:
    other = world.site.team("Second", "ben@example.com")
    elsewhere = world.site.collection(other, samples.collection("Elsewhere", samples.request()))
    made = world.site.token("ben@example.com")
    assert world.server.collection(world.collection, made["token"]).status == 200
    sign_in(page, world.server.url, "ana@example.com")
    page.get_by_role("link", name="Team tokens", exact=True).click()
    row = page.get_by_role("row", name=re.compile(re.escape(made["label"])))
    assert "ben@example.com" in row.inner_text()
    row.get_by_role("link", name=f"Cut off… {made['label']} of Ben").click()
    assert page.title() == "Cut off token · Hopkey"
    said = page.get_by_role("main").inner_text()
    assert f"Cut off “{made['label']}” from Orders?" in said
    assert "ben@example.com" in said
    assert "stop reading Orders at once" in said
    assert world.server.collection(world.collection, made["token"]).status == 200, "asking does nothing yet"
    page.get_by_role("button", name="Cut off token").click()
    page.get_by_text(f"Cut off “{made['label']}” of Ben.").first.wait_for()
    refused = world.server.collection(world.collection, made["token"])
    assert (refused.status, refused.json()["reason"]) == (404, "INVALID_ID")
    assert world.server.collection(elsewhere, made["token"]).status == 200, "other teams are still reached"
    assert not page.get_by_role("row", name=re.compile(re.escape(made["label"]))).count()
    page.get_by_role("link", name="Cut off", exact=True).click()
    assert page.get_by_role("row", name=re.compile(re.escape(made["label"]))).is_visible()

    theirs = browser.new_context().new_page()
    sign_in(theirs, world.server.url, "ben@example.com")
    theirs.goto(f"{world.server.url}/profile/tokens")
    mine = theirs.get_by_role("row", name=re.compile(re.escape(made["label"])))
    assert "all your other teams" in mine.inner_text()
    assert "from Orders by its owners" in mine.inner_text()
    theirs.goto(f"{world.server.url}/workspaces/{world.team}")
    assert not theirs.get_by_role("link", name="Team tokens", exact=True).count()
    answer = theirs.goto(f"{world.server.url}/workspaces/{world.team}/tokens")
    assert answer is not None
    assert answer.status == 403
    assert made["label"] not in theirs.content()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_palette_is_driven_by_the_keyboard(page: Page, world: World, theme: str, width: int) -> None:
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": 700})
    sign_in(page, world.server.url, "ana@example.com")
    page.goto(f"{world.server.url}/workspaces/{world.team}/members")
    button = page.get_by_role("button", name="Go to…")
    button.focus()
    page.keyboard.press("Enter")
    box = page.get_by_role("combobox", name="Go to")
    expect(box).to_be_focused()
    options = page.locator("#palette-list").get_by_role("option")
    options.first.wait_for()
    assert axe(page) == []
    assert fits(page)
    texts = options.all_inner_texts()
    assert {"Outer", "Staging", "Generate new token", "Sign out", "Theme: dark"} <= {
        text.split("\n")[0] for text in texts
    }
    assert "Policy" in texts, "an administrator goes to the console"
    page.keyboard.press("Escape")
    expect(button).to_be_focused()

    page.keyboard.press("Control+k")
    page.keyboard.type("outer")
    expect(options).to_have_count(1)
    active = box.get_attribute("aria-activedescendant")
    assert page.locator(f"#{active}").get_attribute("aria-selected") == "true"
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/collections/{world.collection}")

    page.keyboard.press("Control+k")
    page.keyboard.type("token")
    options.first.wait_for()
    page.keyboard.press("ArrowDown")
    assert options.nth(1).get_attribute("aria-selected") == "true"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert options.last.get_attribute("aria-selected") == "true", "from the first to the last"
    page.get_by_role("combobox").fill("no such thing")
    expect(page.get_by_text("Nothing of that name.")).to_be_visible()
    page.get_by_role("combobox").fill("theme: dark")
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_palette_shows_what_its_reader_may_see(page: Page, world: World) -> None:
    sign_in(page, world.server.url, "ben@example.com")
    page.goto(f"{world.server.url}/workspaces/{world.team}")
    page.keyboard.press("Control+k")
    options = page.locator("#palette-list").get_by_role("option")
    options.first.wait_for()
    groups = page.locator(".palette-group").all_inner_texts()
    assert "Console" not in groups
    assert not options.filter(has_text="Tokens that reach this team").count()
    options.filter(has_text="Members").click()
    page.wait_for_url("**/members")


def test_the_expiry_is_said_in_words_and_a_day_may_be_chosen(page: Page, world: World) -> None:
    sign_in(page, world.server.url, "ben@example.com")
    page.goto(f"{world.server.url}/profile/tokens")
    opener = page.get_by_role("link", name="Generate new token").first
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Label")).to_be_focused()
    words = dialog.locator("[data-expiry-words]")
    assert words.inner_text().startswith("Expires in 30 days, on ")
    dialog.get_by_text("7 days").click()
    assert words.inner_text().startswith("Expires in 7 days, on ")
    dialog.get_by_text("until you delete it").click()
    assert words.inner_text().startswith("Never expires")
    dialog.get_by_text("A chosen date").click()
    expect(dialog.get_by_label("Last day")).to_be_focused()
    day = (datetime.now(UTC) + timedelta(days=41)).date()
    dialog.get_by_label("Last day").fill(day.isoformat())
    assert words.inner_text().startswith("Expires in 41 days, on ")
    assert str(day.year) in words.inner_text()
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()

    opener.click()
    dialog.get_by_label("Label").fill("until a day")
    dialog.get_by_text("More restrictions").click()
    assert "You are at 127.0.0.1 now" in dialog.inner_text()
    dialog.get_by_label("Networks (optional)").fill("10.1.2.3/8")
    dialog.get_by_role("button", name="Generate token").click()
    field = page.get_by_role("main").get_by_label("Networks (optional)")
    expect(field).to_be_focused()
    assert field.input_value() == "10.1.2.3/8"
    assert page.get_by_label("Label").input_value() == "until a day", "what was typed is kept"
    assert page.get_by_label("Last day").input_value() == day.isoformat()
    assert page.get_by_role("alert").inner_text().startswith("“10.1.2.3/8” means the network 10.0.0.0/8")
    assert axe(page) == []
    field.fill("127.0.0.1\n10.0.0.0/8")
    page.get_by_role("button", name="Generate token").click()
    page.get_by_role("button", name="Copy token").click()
    page.get_by_role("link", name="Done").click()
    row = page.get_by_role("row", name=re.compile("until a day"))
    assert "only from 127.0.0.1/32, 10.0.0.0/8" in row.inner_text()
    assert f"{day.day} {day:%b %Y}" in row.inner_text()


def test_leaving_without_having_copied_asks_once(page: Page, world: World) -> None:
    sign_in(page, world.server.url, "ben@example.com")
    page.goto(f"{world.server.url}/profile/tokens/new")
    page.get_by_label("Label").fill("not copied")
    page.get_by_role("button", name="Generate token").click()
    token = page.locator("#token").inner_text()
    expect(page.locator("#token")).to_be_focused()
    assert page.evaluate("getSelection().toString()") == token, "selected, ready to be copied"
    page.get_by_role("link", name="Done").click()
    dialog = page.get_by_role("dialog", name="Leave without copying the token?")
    assert axe(page) == []
    dialog.get_by_role("button", name="Stay").click()
    expect(page.get_by_role("link", name="Done")).to_be_focused()
    page.get_by_role("link", name="Done").click()
    page.wait_for_url("**/profile/tokens")
    assert page.evaluate("!document.body.innerHTML.includes('not-copied')"), "asked once"


def test_a_copied_token_is_left_without_a_question(page: Page, world: World) -> None:
    sign_in(page, world.server.url, "ben@example.com")
    page.goto(f"{world.server.url}/profile/tokens/new")
    page.get_by_label("Label").fill("copied by hand")
    page.get_by_role("button", name="Generate token").click()
    page.locator("#token").click()
    page.keyboard.press("Control+c")
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#token").inner_text()
    page.get_by_role("link", name="Done").click()
    page.wait_for_url("**/profile/tokens")


def test_a_tree_is_searched_and_ids_are_copied(page: Page, world: World) -> None:
    deep = samples.collection("Deep", samples.request("Needle", method="DELETE", endpoint="https://api.example/pins"))
    folders = [samples.collection(f"F{i}", samples.request(f"R{i}")) for i in range(30)]
    folders.append(samples.collection("Outside", folders=[deep]))
    made = world.site.collection(world.team, samples.collection("Haystack", folders=folders))
    sign_in(page, world.server.url, "ana@example.com")
    page.goto(f"{world.server.url}/workspaces/{world.team}")
    page.get_by_role("link", name="Haystack").click()
    assert page.title() == "Haystack · Orders · Hopkey"
    assert not page.get_by_text("Needle").is_visible()
    page.get_by_role("searchbox", name="Search in this collection").fill("delete pins")
    expect(page.get_by_text("Needle")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="1 found")).to_be_visible()
    assert not page.get_by_text("F7", exact=True).is_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("F7", exact=True)).to_be_visible()
    assert not page.get_by_text("Needle").is_visible(), "folders are as they were"
    page.get_by_role("button", name="Copy id of F7").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    folder = page.evaluate("navigator.clipboard.readText()")
    assert folder != made
    token = world.site.token("ana@example.com")["token"]
    assert world.server.collection(folder, token).json()["title"] == "F7"
    page.get_by_role("button", name="Copy command").click()
    expect(page.get_by_role("button", name="Copied").first).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == (
        f"HOPKEY_TOKEN=… hopkey test {made} --server {world.server.url}"
    )


def test_a_file_with_a_fault_is_refused_beside_the_field(page: Page, world: World) -> None:
    sign_in(page, world.server.url, "ana@example.com")
    page.goto(f"{world.server.url}/workspaces/{world.team}/environments")
    opener = page.get_by_role("link", name="Import…")
    opener.click()
    dialog = page.get_by_role("dialog", name="Import an environment")
    bad = json.dumps({"v": 2, "name": "E", "variables": ["text"]}).encode()
    dialog.get_by_label("Hoppscotch JSON file").set_input_files(
        {"name": "staging.json", "mimeType": "application/json", "buffer": bad}
    )
    dialog.get_by_role("button", name="Import").click()
    page.wait_for_url("**/import")
    assert page.title() == "Import into Orders · Hopkey"
    field = page.get_by_role("main").get_by_label("Hoppscotch JSON file")
    expect(field).to_be_focused()
    said = page.locator("#file-error").inner_text()
    assert said.startswith("staging.json: Nothing was imported")
    assert "$.variables[0]" in said
    assert axe(page) == []


def test_roles_are_saved_by_a_button_that_appears_and_good_news_goes_by_itself(page: Page, world: World) -> None:
    world.site.user("dora@example.com")
    world.site.admin("team", "add-member", "--team", world.team, "--email", "dora@example.com", "--role", "viewer")
    sign_in(page, world.server.url, "ana@example.com")
    page.goto(f"{world.server.url}/workspaces/{world.team}/members")
    row = page.get_by_role("row", name=re.compile("dora@example.com"))
    save = row.get_by_role("button", name="Save role of Dora", include_hidden=True)
    assert not save.is_visible()
    row.get_by_label("Role of Dora").select_option("EDITOR")
    assert save.is_visible()
    save.click()
    message = page.locator(".messages .message")
    expect(message).to_have_text("Dora is editor now.")
    expect(page.locator("#announcements")).to_have_text("Dora is editor now.")
    assert axe(page) == []
    page.get_by_role("button", name="Dismiss").click()
    expect(message).to_have_count(0)


PATHS = ["/profile", "/profile/tokens", "{w}", "{w}/collections/{c}", "{w}/environments", "{w}/members", "{w}/tokens"]


@pytest.mark.parametrize("path", PATHS)
def test_nothing_moves_while_a_page_loads(page: Page, world: World, path: str) -> None:
    sign_in(page, world.server.url, "ana@example.com")
    page.goto(world.server.url + path.format(w=f"/workspaces/{world.team}", c=world.collection))
    moved = page.evaluate(
        "new Promise(done => { let sum = 0;"
        " new PerformanceObserver(list => { for (const entry of list.getEntries()) sum += entry.value; })"
        ".observe({ type: 'layout-shift', buffered: true }); setTimeout(() => done(sum), 300); })"
    )
    assert moved == 0


def test_everything_is_reached_by_the_tab_key_and_the_content_first(page: Page, world: World) -> None:
    sign_in(page, world.server.url, "ana@example.com")
    page.goto(f"{world.server.url}/workspaces/{world.team}/members")
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.getElementById('main').contains(document.activeElement)")
    menu = page.get_by_label("Profile menu of Ana")
    menu.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Profile settings")).to_be_visible()
    page.keyboard.press("Escape")
    expect(menu).to_be_focused()
    expect(page.get_by_role("link", name="Profile settings")).not_to_be_visible()


def test_a_team_without_script(browser: Browser, world: World) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    made = world.site.token("ben@example.com")
    sign_in(page, world.server.url, "ana@example.com")
    page.goto(f"{world.server.url}/workspaces/{world.team}/tokens")
    assert not page.get_by_role("button", name="Go to…").count(), "no button that does nothing"
    page.get_by_role("row", name=re.compile(re.escape(made["label"]))).get_by_role("link", name="Cut off…").click()
    page.get_by_role("button", name="Cut off token").click()
    assert page.get_by_text(f"Cut off “{made['label']}” of Ben.").is_visible()
    page.goto(f"{world.server.url}/workspaces/{world.team}")
    page.get_by_role("link", name="Import…").click()
    file = {
        "name": "x.json",
        "mimeType": "application/json",
        "buffer": json.dumps(samples.collection("Plain")).encode(),
    }
    page.get_by_label("Hoppscotch JSON file").set_input_files(file)  # type: ignore[arg-type]
    page.get_by_role("button", name="Import").click()
    page.get_by_role("link", name="Plain").click()
    assert page.get_by_text("This collection is empty.").is_visible()


def test_a_file_that_is_too_large_is_not_sent(page: Page, world: World) -> None:
    sign_in(page, world.server.url, "ana@example.com")
    page.goto(f"{world.server.url}/workspaces/{world.team}/import")
    field = page.get_by_label("Hoppscotch JSON file")
    large = {"name": "large.json", "mimeType": "application/json", "buffer": b" " * (33 << 20)}
    field.set_input_files(large)  # type: ignore[arg-type]
    assert field.evaluate("input => input.validationMessage") == "This file has 33 MB; at most 32 MB can be imported."
    page.get_by_role("main").get_by_role("button", name="Import").click()
    assert page.url.endswith("/import")
    assert page.get_by_role("heading", name="Import collections").is_visible()


def test_a_link_to_an_environment_opens_it(page: Page, world: World) -> None:
    for number in range(4):
        world.site.environment(world.team, samples.environment(f"More {number}", region=f"value {number}"))
    sign_in(page, world.server.url, "ana@example.com")
    page.goto(f"{world.server.url}/workspaces/{world.team}/environments")
    assert not page.get_by_text("value 2").is_visible()
    page.keyboard.press("Control+k")
    page.keyboard.type("more 2")
    page.locator("#palette-list").get_by_role("option", name="More 2").wait_for()
    page.keyboard.press("Enter")
    expect(page.get_by_text("value 2")).to_be_visible()
    page.reload()
    expect(page.get_by_text("value 2")).to_be_visible()

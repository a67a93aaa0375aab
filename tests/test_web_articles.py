"""The Articles tab in a real browser: finding, adding, correcting and removing articles."""

import io
import json
import re
import zipfile

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from .conftest import copy_bundled
from .fork_server import SMALL_STEPS
from .test_adding import html
from .test_asking import MAIN_QUESTION, MAIN_SENTENCE
from .test_web import HOSTILE, QUINCES, Visit, browser, serving  # noqa: F401 - a fixture
from .web_server import WebServer
from .web_server import page as page_of

pytestmark = pytest.mark.slow

FERRY = """---
# checked by Ann
title: The fery
source: Harbour Gazette
published: 2024-01-02
language: en
---

The ferry to the island sails at noon, the harbour master said on Friday.
"""
REPRINT = (
    "A quagga was seen by three rangers on the plain, who had not expected one for years. "
    "They followed it for two hours along the river and lost it in the reeds near the old mill. "
    "The museum of Cape Town has asked for pictures, and a reward of ninety coins was promised."
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, bundled_index):
    folder = copy_bundled(bundled_index, tmp_path_factory.mktemp("articles") / "articles")
    (folder / "hostile.md").write_text(HOSTILE)
    (folder / "quinces.md").write_text(QUINCES)
    for name in ("ferry", "ferry-2", "ferry-3"):
        (folder / f"{name}.md").write_text(FERRY)
    for n in range(120):
        facts = f"title: Tide table {n:03}\nsource: Tides\npublished: 2020-01-01\nlanguage: fr"
        (folder / f"tide-{n:03}.md").write_text(f"---\n{facts}\n---\nHigh water at {n}.\n")
    return folder


@pytest.fixture(scope="module")
def server(corpus):
    with serving(corpus, before=SMALL_STEPS, ASSISTANT_ALLOW_PRIVATE_ADDRESSES="1") as address:
        yield address


@pytest.fixture
def visit(browser, server):  # noqa: F811
    opened = []

    def open_page(**context):
        opened.append(Visit(browser, server, **context))
        page = opened[-1].page
        page.get_by_role("tab", name="Articles").click()
        expect(page.locator("#count")).to_contain_text("article", timeout=30_000)
        return opened[-1]

    yield open_page
    for one in opened:
        assert one.harmless() == ([], [], [], 0)
        one.context.close()


def find(page, words):
    page.get_by_label("Find an article").fill(words)


def titles(page):
    return page.locator("#table [role=gridcell][data-col='0']")


def choose(page, title, words=None):
    find(page, words or title)
    row = page.get_by_role("gridcell", name=title, exact=True).first
    row.click()
    expect(page.locator("#details .title")).to_have_text(title)


def adding(page, tab):
    panel = page.locator("#adding")
    if not panel.get_by_role("tab", name=tab).is_visible():
        panel.get_by_role("button", name="Add articles").click()
    panel.get_by_role("tab", name=tab).click()


def pick(page, label, option):
    page.get_by_label(label).click()
    page.get_by_role("option", name=option, exact=True).click()


def test_a_long_list_comes_in_pages_in_any_order(visit, tmp_path):
    seen = visit()
    page = seen.page
    count = page.locator("#count")
    expect(count).to_have_text(re.compile(r"Showing 1 to 100 of \d{3} articles"))
    expect(page.locator("#previous")).to_be_disabled()
    seen.picture("articles", tmp_path)
    page.locator("#next").click()
    expect(count).to_contain_text("Showing 101 to")
    expect(page.locator("#next")).to_be_disabled()
    page.locator("#previous").click()
    expect(count).to_contain_text("Showing 1 to 100")
    page.locator("#next").click()
    find(page, "tide table")
    expect(count).to_contain_text("Showing 1 to 100 of 120 articles")
    pick(page, "Order", "Title, Z to A")
    expect(titles(page).first).to_have_text("Tide table 119")
    head = page.locator("#table [data-heading='0']")
    head.click()
    expect(titles(page).first).to_have_text("Tide table 000")
    expect(page.get_by_label("Order")).to_have_value("Title, A to Z")
    head.click()
    expect(titles(page).first).to_have_text("Tide table 119")
    find(page, "no such thing")
    expect(count).to_have_text("No article is like that.")


def test_the_list_is_narrowed_by_outlet_language_and_days(visit):
    page = visit().page
    page.get_by_role("button", name="Narrow the list").click()
    pick(page, "Published by", "Orchard Weekly")
    expect(titles(page)).to_have_text(["Quince harvest"])
    page.get_by_label("From day").fill("2024-05-08")
    expect(page.locator("#count")).to_have_text("No article is like that.")
    page.get_by_label("From day").fill("yesterday")
    expect(page.locator("#count")).to_contain_text("'yesterday' is no day; write it as 2026-11-24")
    page.get_by_label("From day").fill("2024-05-07")
    expect(titles(page)).to_have_text(["Quince harvest"])
    page.get_by_label("Published by").press("Backspace")
    page.get_by_label("From day").fill("")
    pick(page, "Languages", "fr")
    expect(page.locator("#count")).to_contain_text("of 120 articles")


def test_a_chosen_article_shows_its_facts_and_its_passages(visit, tmp_path):
    seen = visit()
    page = seen.page
    choose(page, "Quince harvest")
    details = page.locator("#details")
    expect(details).to_be_in_viewport()
    for fact in (
        "Orchard Weekly",
        "2024-05-07 (as its file says)",
        "quinces.md",
        "8 words, 1 passage",
    ):
        expect(details).to_contain_text(fact)
    details.get_by_role("button", name="Passages (1)").click()
    expect(details.locator(".passages li")).to_contain_text("The quince harvest of Melrose")
    expect(details.locator(".passages li")).to_contain_text("0–46")
    seen.picture("details", tmp_path)
    details.locator("a.open").click()
    expect(page.locator(".article-panel.open")).to_contain_text("nine tonnes")


def test_facts_are_corrected_in_the_file(visit, corpus, tmp_path):
    seen = visit()
    page = seen.page
    choose(page, "The fery", "ferry.md")
    form = page.locator("#correct")
    form.get_by_role("button", name="Correct its facts").click()
    form.get_by_label("Date").fill("soon")
    form.get_by_label("Title").fill("The ferry")
    page.locator("#save").click()
    expect(page.locator("#saved")).to_contain_text("'soon'; write it as 2026-11-24", timeout=30_000)
    expect(form.get_by_label("Title")).to_have_value("The ferry")
    form.get_by_label("Date").fill("2024-01-03")
    form.get_by_label("Authors").fill("Ann Example\nBo Example")
    seen.picture("correcting", tmp_path)
    page.locator("#save").click()
    expect(page.locator("#saved")).to_contain_text("Saved in ferry.md", timeout=30_000)
    expect(page.locator("#details .title")).to_have_text("The ferry")
    expect(page.locator("#details")).to_contain_text("Ann Example, Bo Example")
    expect(titles(page)).to_have_text(["The ferry"])
    written = (corpus / "ferry.md").read_text()
    assert "# checked by Ann\ntitle: The ferry\n" in written
    assert written.endswith(FERRY.split("---\n")[2])


def test_a_correction_of_what_has_changed_meanwhile_is_refused(visit, corpus):
    page = visit().page
    choose(page, "The fery", "ferry-2.md")
    changed = FERRY.replace("noon", "dawn")
    (corpus / "ferry-2.md").write_text(changed)
    form = page.locator("#correct")
    form.get_by_role("button", name="Correct its facts").click()
    expect(form.get_by_label("Title")).to_have_value("The fery")
    form.get_by_label("Title").fill("The ferry")
    page.locator("#save").click()
    expect(page.locator("#saved")).to_contain_text("has changed since you saw it", timeout=30_000)
    expect(form.get_by_label("Title")).to_have_value("The ferry")
    assert (corpus / "ferry-2.md").read_text() == changed


def test_an_article_that_is_gone_is_said_to_be(visit, corpus):
    one, other = visit(), visit()
    for seen in (one, other):
        choose(seen.page, "The fery", "ferry-3.md")
        seen.page.locator("#remove").click()
    one.page.locator("#confirm").click()
    expect(one.page.locator("#told")).to_contain_text("Removed ferry-3.md", timeout=30_000)
    expect(one.page.locator("#details")).not_to_be_visible()
    other.page.locator("#confirm").click()
    expect(other.page.locator("#told")).to_contain_text("no article has this id", timeout=30_000)


def test_a_pasted_article_is_answerable_until_it_is_removed(visit, tmp_path):
    seen = visit()
    page = seen.page
    adding(page, "Paste")
    form = page.locator("#pasting")
    form.get_by_label("Title").fill("Quokka census")
    form.get_by_label("Date").fill("2026-01-02")
    form.get_by_label("Text").fill(
        "The quokka census counted 4,711 animals on the island, rangers reported on Friday."
    )
    page.locator("#paste").click()
    expect(page.locator("#outcome")).to_contain_text("quokka-census.txt is added", timeout=30_000)
    expect(form.get_by_label("Text")).to_have_value("")
    find(page, "quokka")
    row = page.get_by_role("gridcell", name="Quokka census", exact=True)
    expect(row).to_be_visible()
    page.get_by_role("tab", name="Ask").click()
    answer = seen.ask("How many animals did the quokka census count?")
    expect(answer.locator("blockquote").first).to_contain_text("4,711")
    page.get_by_role("tab", name="Articles").click()
    row.click()
    page.locator("#remove").click()
    page.locator("#keep").click()
    expect(page.locator("#confirm")).not_to_be_visible()
    page.locator("#remove").click()
    page.locator("#confirm").click()
    expect(page.locator("#told")).to_contain_text("Removed quokka-census.txt", timeout=30_000)
    page.get_by_role("tab", name="Ask").click()
    page.locator("#question textarea, #question input").first.fill(
        "How many animals did the quokka census count?"
    )
    page.locator("#send").click()
    expect(page.locator("#chat .answer")).to_have_count(2, timeout=60_000)
    expect(page.locator("#chat .answer").last).not_to_contain_text("4,711")


def test_what_cannot_be_pasted_stays_to_be_mended(visit):
    page = visit().page
    adding(page, "Paste")
    form = page.locator("#pasting")
    form.get_by_label("Text").fill("The lynx was seen again.")
    form.get_by_label("Date").fill("7/5/2024")
    page.locator("#paste").click()
    expect(page.locator("#outcome")).to_contain_text("write it as 2026-11-24", timeout=30_000)
    expect(form.get_by_label("Text")).to_have_value("The lynx was seen again.")


def test_a_page_of_the_web_is_looked_at_before_it_is_added(visit, tmp_path):
    with WebServer() as web:
        web.at("/whale", page_of(html("<b>Whale</b> near the harbour")))
        seen = visit()
        page = seen.page
        adding(page, "From the web")
        address = page.get_by_label("Add from the web")
        address.fill(f"http://127.0.0.1:{web.port}/nothing-here")
        page.locator("#look").click()
        expect(page.locator("#outcome")).to_contain_text("nothing-here", timeout=30_000)
        address.fill(f"http://127.0.0.1:{web.port}/whale")
        page.locator("#look").click()
        expect(page.locator("#seen")).to_contain_text("every ship must wait", timeout=30_000)
        expect(page.locator("#seen")).to_contain_text("2024-05-07")
        seen.picture("preview", tmp_path)
        page.locator("#add-seen").click()
        expect(page.locator("#outcome")).to_contain_text("is added", timeout=30_000)
        expect(page.locator("#preview")).not_to_be_visible()
        find(page, "whale")
        expect(page.locator("#table")).to_contain_text("near the harbour", timeout=30_000)


def test_a_late_refresh_does_not_overtake_a_search(visit):
    page = visit().page
    held = []

    def hold(route):
        if "gnu" in route.request.post_data:
            route.continue_()
        else:
            held.append(route)

    adding(page, "Paste")
    form = page.locator("#pasting")
    form.get_by_label("Title").fill("A gnu at the gate")
    form.get_by_label("Outlet").fill("Gate Herald")
    form.get_by_label("Text").fill("A gnu stood at the gate of the zoo, its keeper said on Friday.")
    page.route("**/queue/join*", hold)
    page.locator("#paste").click()
    expect(page.locator("#outcome")).to_contain_text("is added", timeout=30_000)
    find(page, "gnu")
    expect(page.locator("#count")).to_contain_text(re.compile(r"\b1 article\b"), timeout=30_000)
    for route in held:
        route.continue_()
    page.unroute("**/queue/join*")
    page.get_by_role("button", name="Narrow the list").click()
    page.get_by_label("Published by").click()
    expect(page.get_by_role("option", name="Gate Herald")).to_be_visible(timeout=30_000)
    expect(page.locator("#count")).to_contain_text(re.compile(r"\b1 article\b"))


def test_the_preview_says_what_adding_would_do(visit, tmp_path):
    with WebServer() as web:
        web.at("/one", page_of(html("Quagga on the plain", REPRINT)))
        web.at("/two", page_of(html("A quagga, seen again", REPRINT)))
        seen = visit()
        page = seen.page
        adding(page, "From the web")
        look, add, said = page.locator("#look"), page.locator("#add-seen"), page.locator("#seen")
        address = page.get_by_label("Add from the web")
        address.fill(f"http://127.0.0.1:{web.port}/one")
        look.click()
        expect(add).to_have_text("Add this article", timeout=30_000)
        expect(said.locator(".notice")).to_have_count(0)
        add.click()
        expect(page.locator("#outcome")).to_contain_text("is added", timeout=30_000)
        address.fill(f"http://127.0.0.1:{web.port}/one")
        look.click()
        expect(said).to_contain_text("is in the corpus already", timeout=30_000)
        expect(add).not_to_be_visible()
        web.at("/one", page_of(html("Quagga on the plain", REPRINT + " It was a zebra.")))
        look.click()
        expect(said).to_contain_text("replaces the older version", timeout=30_000)
        expect(add).to_have_text("Replace the older version")
        address.fill(f"http://127.0.0.1:{web.port}/two")
        look.click()
        expect(said).to_contain_text("Nearly the same as Quagga on the plain", timeout=30_000)
        seen.picture("nearly-the-same", tmp_path)
        page.locator("#leave").click()
        expect(said).not_to_be_visible()


def test_uploaded_files_are_added_and_bad_ones_named(visit, corpus):
    page = visit().page
    adding(page, "Upload")
    page.locator("#upload").click()
    expect(page.locator("#outcome")).to_contain_text("Choose files first")
    page.locator("#files input[type=file]").set_input_files(
        [
            {"name": "boat.txt", "mimeType": "text/plain", "buffer": b"The boat sails at noon."},
            {"name": "hollow.txt", "mimeType": "text/plain", "buffer": b"   "},
        ]
    )
    expect(page.locator("#files")).to_contain_text("hollow")
    page.locator("#upload").click()
    outcome = page.locator("#outcome")
    expect(outcome).to_contain_text("1 new, 1 failed", timeout=30_000)
    expect(outcome).to_contain_text("hollow.txt: is empty")
    assert (corpus / "boat.txt").read_bytes() == b"The boat sails at noon."


def test_a_folder_is_uploaded_without_its_hidden_files(visit, tmp_path):
    folder = tmp_path / "clips" / "deep"
    folder.mkdir(parents=True)
    (folder.parent / "otter.md").write_text("The otter likes clams on Sundays.")
    (folder / "seal.txt").write_text("The seal likes herring on Mondays.")
    (folder / ".hidden.txt").write_text("The mole likes worms.")
    page = visit().page
    adding(page, "Upload")
    page.locator("#folder input[type=file]").set_input_files(tmp_path / "clips")
    expect(page.locator("#folder")).to_contain_text("otter")
    page.locator("#upload").click()
    expect(page.locator("#outcome")).to_contain_text("2 new", timeout=30_000)
    find(page, "otter.md")
    expect(titles(page)).to_have_count(1)


def test_a_long_import_shows_how_far_it_is_and_is_stopped(visit, corpus, tmp_path):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for n in range(60):
            text = " ".join(f"Walrus {n} ate mussel number {n}-{i} at noon." for i in range(500))
            packed.writestr(f"walrus-{n:02}.txt", f"Walrus diary {n}\n\n{text}")
    seen = visit()
    page = seen.page
    adding(page, "Upload")
    page.locator("#files input[type=file]").set_input_files(
        {"name": "walrus.zip", "mimeType": "application/zip", "buffer": archive.getvalue()}
    )
    expect(page.locator("#files")).to_contain_text("walrus")
    page.locator("#upload").click()
    progress = page.locator("#importing")
    expect(progress).to_contain_text(re.compile(r"\d+ of about 60 articles"), timeout=120_000)
    expect(page.locator("#upload")).to_be_disabled()
    seen.picture("importing", tmp_path)

    other = visit()
    expect(other.page.locator("#importing")).to_contain_text("of about 60", timeout=60_000)
    other.page.get_by_role("tab", name="Ask").click()
    expect(other.ask(MAIN_QUESTION).locator("blockquote").first).to_contain_text(MAIN_SENTENCE)
    expect(progress).to_contain_text("of about 60")

    page.locator("#stop-import").click()
    outcome = page.locator("#outcome")
    expect(outcome).to_contain_text("Stopped. What was added until then stays", timeout=120_000)
    expect(page.locator("#stop-import")).not_to_be_visible()
    added = int(re.search(r"(\d+) new", outcome.inner_text())[1])
    assert 0 < added < 60
    assert len(list((corpus / "walrus").glob("*.md"))) == added
    find(page, "walrus diary")
    expect(page.locator("#count")).to_have_text(f"{added} articles")


def test_a_list_of_articles_is_uploaded(visit):
    page = visit().page
    adding(page, "Upload")
    lines = [
        {"_id": f"n{n}", "title": f"Newt {n}", "text": f"Newt {n} lives in pond {n}."}
        for n in range(30)
    ]
    content = "".join(json.dumps(line) + "\n" for line in [*lines, {"_id": "x"}])
    page.locator("#files input[type=file]").set_input_files(
        {"name": "newts.jsonl", "mimeType": "application/x-ndjson", "buffer": content.encode()}
    )
    expect(page.locator("#files")).to_contain_text("newts")
    outcome = page.locator("#outcome")
    page.locator("#upload").click()
    expect(outcome).to_contain_text("30 new, 1 failed", timeout=60_000)
    expect(outcome).to_contain_text("newts.jsonl:31")
    choose(page, "Newt 7")
    expect(page.locator("#details")).to_contain_text("newts.jsonl#newts/n7.md")
    expect(page.locator("#details")).not_to_contain_text("/uploads/")


def test_hostile_facts_are_shown_as_text(visit):
    page = visit().page
    find(page, "hostile")
    page.get_by_role("gridcell").filter(has_text="onerror").first.click()
    details = page.locator("#details")
    expect(details.locator(".title")).to_contain_text("<img src=https:")
    expect(details).to_contain_text("<script>window.__pwned=2</script>")
    details.get_by_role("button", name="Passages (1)").click()
    expect(details.locator(".passages")).to_contain_text("<form action=")
    assert (
        details.locator("img, script, iframe, .passages form, .passages div, strong, code").count()
        == 0
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_the_tab(visit, scheme):
    page = visit(color_scheme=scheme).page
    choose(page, "Quince harvest")
    page.get_by_role("button", name="Correct its facts").click()
    page.get_by_role("button", name="Passages (1)").click()
    page.get_by_role("button", name="Narrow the list").click()
    for tab in ("Upload", "From the web", "Paste"):
        adding(page, tab)
        page.mouse.move(0, 0)
        page.wait_for_timeout(300)  # colours fade
        found = Axe().run(page).response["violations"]
        serious = [v for v in found if v["impact"] in ("critical", "serious")]
        assert [(tab, v["id"], v["nodes"][0]["html"]) for v in serious] == []


def test_an_article_is_chosen_and_kept_with_the_keyboard(visit):
    page = visit().page
    find(page, "quince")
    expect(titles(page)).to_have_text(["Quince harvest"])
    titles(page).first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#details .title")).to_have_text("Quince harvest")
    page.locator("#remove").focus()
    page.keyboard.press("Enter")
    page.locator("#keep").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#remove")).to_be_visible()


def test_the_tab_fits_a_phone(visit, tmp_path):
    phone = visit(viewport={"width": 400, "height": 844}, color_scheme="dark")
    page = phone.page
    phone.picture("articles-phone", tmp_path)
    choose(page, "Quince harvest")
    phone.picture("details-phone", tmp_path)
    page.get_by_role("button", name="Correct its facts").click()
    page.locator("#save").scroll_into_view_if_needed()
    phone.picture("correcting-phone", tmp_path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    for tab in ("Upload", "From the web", "Paste"):
        adding(page, tab)
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.locator("#adding").scroll_into_view_if_needed()
    phone.picture("adding-phone", tmp_path)

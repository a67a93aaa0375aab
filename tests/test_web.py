"""The page in a real browser, against the real server in its own process."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from .conftest import BUNDLED, INTERVIEW
from .test_asking import MAIN_QUESTION, MAIN_SENTENCE

IMAGES = Path(__file__).parent.parent / "docs" / "images"
EVIL = "//evil.invalid"
HOSTILE = f"""---
title: "<img src=https:{EVIL}/t onerror=window.__pwned=1> ![t](https:{EVIL}/m.png)"
source: "<script>window.__pwned=2</script>"
---
The zebrafish regulation says <script>window.__pwned=3</script> that <img src=x onerror="window.__pwned=4">
zebrafish ![pic](https:{EVIL}/p.png) are [harmless](javascript:window.__pwned=5) and $\\href{{javascript:alert(1)}}{{x}}$
<form action="https:{EVIL}/f"><input name=password></form>
<div style="position:fixed;inset:0;background:url(https:{EVIL}/b.png)">cover</div> **bold** `code` in tanks.
"""
BROWSER = ["chromium", "chromium-browser", "google-chrome"]
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[str]:
    corpus = tmp_path_factory.mktemp("web") / "articles"
    shutil.copytree(BUNDLED, corpus, ignore=shutil.ignore_patterns(".assistant"))
    (corpus / "hostile.md").write_text(HOSTILE)
    log = (corpus.parent / "server.log").open("w+")
    process = subprocess.Popen(
        [sys.executable, "-c", "from assistant.cli import main; main()", "--corpus", str(corpus), "chat", "--port", "0"],
        stdout=subprocess.PIPE, stderr=log, text=True,
    )  # fmt: skip
    address = None
    for line in process.stdout:
        if found := re.search(r"http://\S+", line):
            address = found.group()
            break
    assert address, "the server said no address"
    yield address
    process.terminate()
    process.wait(30)
    process.stdout.close()
    log.seek(0)
    said = log.read()
    log.close()
    assert "Traceback" not in said, said


@pytest.fixture(scope="module")
def browser():
    path = next(filter(None, map(shutil.which, BROWSER)), None)
    assert path, "the browser tests need chromium: run tests/browser.sh"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


class Visit:
    """A page with a record of what it must not do."""

    def __init__(self, browser, server, **context):
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | context)
        self.page: Page = self.context.new_page()
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.dialogs: list[str] = []
        self.server = server
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on(
            "dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss())
        )
        self.page.goto(server)
        expect(self.page.locator("#status")).to_contain_text("ready", timeout=90_000)

    def ask(self, question):
        self.page.locator("#question textarea, #question input").first.fill(question)
        self.page.locator("#send").click()
        answers = self.page.locator("#chat .answer")
        expect(answers.last.locator("h3")).to_be_visible(timeout=60_000)
        return answers.last

    def harmless(self):
        outside = [
            url for url in self.requests if not url.startswith((self.server, "data:", "blob:"))
        ]
        return (outside, self.errors, self.dialogs, self.page.evaluate("window.__pwned || 0"))

    def picture(self, name, tmp_path):
        folder = IMAGES if os.environ.get("ASSISTANT_SCREENSHOTS") else tmp_path
        folder.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=folder / f"{name}.png")


@pytest.fixture
def visit(browser, server):
    opened = []

    def open_page(**context):
        opened.append(Visit(browser, server, **context))
        return opened[-1]

    yield open_page
    for one in opened:
        assert one.harmless() == ([], [], [], 0)
        one.context.close()


def test_the_answer_has_a_card_whose_link_opens_the_article_at_the_sentence(visit, tmp_path):
    seen = visit()
    answer = seen.ask(MAIN_QUESTION)
    expect(answer.locator("blockquote").first).to_contain_text(MAIN_SENTENCE)
    card = answer.locator(".card").first
    expect(card.locator("mark")).to_contain_text(MAIN_SENTENCE)
    expect(card).to_contain_text("Moscow Says Yerevan")
    seen.picture("chat", tmp_path)
    card.locator("a.open").click()
    mark = seen.page.locator(".article-panel.open mark")
    expect(mark).to_contain_text(MAIN_SENTENCE)
    expect(mark).to_be_in_viewport()
    seen.picture("article", tmp_path)
    seen.page.keyboard.press("Escape")
    expect(seen.page.locator(".article-panel.open")).to_have_count(0)


def test_a_deep_link_opens_its_article(visit):
    seen = visit()
    seen.page.goto(f"{seen.server}/#/article/{INTERVIEW}?s=0-34")
    seen.page.reload()
    expect(seen.page.locator(".article-panel.open mark")).to_have_text(
        "Warns Armenia Against Leaving CSTO", timeout=30_000
    )


def test_a_refusal_shows_the_nearest_passages(visit):
    answer = visit().ask("What is the recipe for sourdough bread?")
    expect(answer).to_contain_text("The articles do not answer this question")
    expect(answer.locator("h3")).to_have_text("Nearest passages")


def test_an_example_question_is_asked_by_a_click(visit):
    seen = visit()
    seen.page.locator("#examples button").first.click()
    expect(seen.page.locator("#chat .answer .card").first).to_be_visible(timeout=60_000)


def test_a_pasted_article_is_answerable_until_it_is_removed(visit, tmp_path):
    seen = visit()
    page = seen.page
    page.get_by_role("tab", name="Articles").click()
    page.get_by_label("Title", exact=True).fill("Quokka census")
    page.get_by_label("Date", exact=True).fill("2026-01-02")
    page.get_by_label("Text", exact=True).fill(
        "The quokka census counted 4,711 animals on the island, rangers reported on Friday."
    )
    page.locator("#paste").click()
    expect(page.locator("#outcome")).to_contain_text("quokka-census.txt is added", timeout=30_000)
    page.get_by_label("Find an article").fill("quokka")
    row = page.get_by_role("gridcell", name="Quokka census", exact=True)
    expect(row).to_be_visible()
    page.get_by_role("tab", name="Ask").click()
    answer = seen.ask("How many animals did the quokka census count?")
    expect(answer.locator("blockquote").first).to_contain_text("4,711")
    page.get_by_role("tab", name="Articles").click()
    row.click()
    page.locator("#chosen a.open").click()
    expect(page.locator(".article-panel.open")).to_contain_text("4,711")
    seen.picture("articles", tmp_path)
    page.keyboard.press("Escape")
    page.locator("#remove").click()
    expect(page.locator("#keep")).to_be_visible()
    page.locator("#confirm").click()
    expect(page.locator("#outcome")).to_contain_text("Removed quokka-census.txt", timeout=30_000)
    page.get_by_role("tab", name="Ask").click()
    page.locator("#question textarea, #question input").first.fill(
        "How many animals did the quokka census count?"
    )
    page.locator("#send").click()
    expect(page.locator("#chat .answer")).to_have_count(2, timeout=60_000)
    expect(page.locator("#chat .answer").last).not_to_contain_text("4,711")


def test_uploaded_files_are_added_and_bad_ones_named(visit):
    seen = visit()
    page = seen.page
    page.get_by_role("tab", name="Articles").click()
    page.locator("#files input[type=file]").set_input_files(
        [
            {"name": "ferry.txt", "mimeType": "text/plain", "buffer": b"The ferry sails at noon."},
            {"name": "hollow.txt", "mimeType": "text/plain", "buffer": b"   "},
        ]
    )
    expect(page.locator("#files")).to_contain_text("hollow")
    page.locator("#upload").click()
    outcome = page.locator("#outcome")
    expect(outcome).to_contain_text("1 new, 1 failed", timeout=30_000)
    expect(outcome).to_contain_text("hollow.txt: is empty")


def test_hostile_articles_and_questions_are_shown_as_text(visit):
    seen = visit()
    answer = seen.ask("What does the zebrafish regulation say <img src=x onerror=window.__pwned=9>")
    expect(answer).to_contain_text("<script>window.__pwned=3</script>")
    expect(answer).to_contain_text(f"![t](https:{EVIL}/m.png)")
    expect(seen.page.locator("#chat .asked").last).to_contain_text("<img src=x onerror")
    assert answer.locator("img, script, form, input, iframe, video, svg, strong, code").count() == 0
    answer.locator("a.open").first.click()
    panel = seen.page.locator(".article-panel.open")
    expect(panel).to_contain_text("position:fixed")
    assert panel.locator("img, script, form, input, iframe, div div").count() == 0
    seen.page.keyboard.press("Escape")
    seen.page.get_by_role("tab", name="Articles").click()
    seen.page.get_by_label("Find an article").fill("hostile")
    expect(seen.page.get_by_role("gridcell").filter(has_text="onerror").first).to_be_visible()


def test_the_page_fits_a_phone_and_the_dark(visit, tmp_path):
    phone = visit(viewport={"width": 390, "height": 844}, color_scheme="dark")
    phone.ask(MAIN_QUESTION)
    width = phone.page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
    phone.picture("phone", tmp_path)


def test_ten_people_at_once_get_their_own_answers(visit):
    words = ["Gyumri", "Lachin", "Minsk", "Tass", "Yerevan", "Overchuk", "Lars", "Kazakhstan", "Georgia", "Zangezur"]  # fmt: skip
    seen = {word: visit() for word in words}
    for word, one in seen.items():
        one.page.locator("#question textarea, #question input").first.fill(
            f"What is said about {word}?"
        )
    for one in seen.values():
        one.page.locator("#send").click()
    for word, one in seen.items():
        answer = one.page.locator("#chat .answer")
        expect(answer.locator("h3")).to_be_visible(timeout=60_000)
        expect(answer).to_have_count(1)
        expect(answer).to_contain_text(word)
        expect(one.page.locator("#chat .asked")).to_have_text([f"What is said about {word}?"])


def test_the_server_sends_security_headers_and_tells_its_state(server):
    found = httpx.get(server)
    assert "frame-ancestors 'none'" in found.headers["content-security-policy"]
    assert found.headers["x-content-type-options"] == "nosniff"
    assert found.headers["referrer-policy"] == "no-referrer"
    assert httpx.get(f"{server}/healthz").status_code == 200
    missing = httpx.get(f"{server}/api/article", params={"id": "nowhere"})
    assert missing.status_code == 404
    assert "no article has this id" in missing.json()["error"]

"""The page in a real browser, against the real server in its own process."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect, sync_playwright

from .conftest import INTERVIEW, copy_bundled
from .fork_server import MAIN, Forked
from .test_asking import MAIN_QUESTION, MAIN_SENTENCE

pytestmark = pytest.mark.slow

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
QUINCES = """---
title: Quince harvest
source: Orchard Weekly
authors: [Pomona Grove]
published: 2024-05-07
---

The quince harvest of Melrose was nine tonnes.
"""
ANSWERED = {
    "answered": True,
    "text": "…",
    "short_answer": None,
    "citations": [
        {
            "title": f"<b>Old</b> $$\\href{{https:{EVIL}/k}}{{x}}$$",
            "quote": "<script>window.__pwned=6</script> the mission",
        }
    ],
}
REFUSED = {"answered": False, "text": "The articles do not answer this question.", "citations": []}


def judged(id, text, outcome, **more):
    """One question of a run file."""
    plain = {"kind": "fact", "expected": [], "reference": "", "article_ids": [], "answer": REFUSED}
    return {"id": id, "text": text, "outcome": outcome, **plain, **more}


RUN = {
    "format": 1,
    "name": "bundled-1",
    "created": "2026-11-24T22:15:00",
    "later": ["unknown"],
    "dataset": {"name": f"![d](https:{EVIL}/d.png)", "questions": 3, "articles": 41},
    "summary": {
        "evidence hit@1": {"mean": 0.812, "low": 0.77, "high": 0.85, "count": 2},
        "token F1": {"mean": None, "low": None, "high": None, "count": 0},
    },
    "questions": [
        judged("q1", "Who chairs the harbour?", "rightly refused", kind="unanswerable-far"),
        judged(
            "q2",
            MAIN_QUESTION,
            "wrong sentence",
            expected=["intelligence"],
            answer=ANSWERED,
            article_ids=[INTERVIEW, "gone.txt"],
            reference="It collects <i>intelligence</i>.",
        ),
        judged("q3", "<img src=x onerror=window.__pwned=7> \ud800", "**odd**", answer=None),
    ],
}
BROWSER = "chromium chromium-browser google-chrome".split()
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync"
    " --disable-background-networking --disable-component-update".split()
)


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory) -> Path:
    """An evaluation folder with one run and its report."""
    runs = tmp_path_factory.mktemp("evaluation") / "runs"
    runs.mkdir()
    (runs / "bundled-1.json").write_text(json.dumps(RUN))
    (runs / "bundled-1.html").write_text(
        "<!doctype html><title>Report</title><h1>Whole report</h1>"
    )
    (runs.parent / "secret.html").write_text("secret")
    (runs / "link.html").symlink_to(runs.parent / "secret.html")
    return runs.parent


@pytest.fixture(scope="module")
def server(tmp_path_factory, bundled_index, evaluation) -> Iterator[str]:
    corpus = copy_bundled(bundled_index, tmp_path_factory.mktemp("web") / "articles")
    (corpus / "hostile.md").write_text(HOSTILE)
    (corpus / "quinces.md").write_text(QUINCES)
    chosen = {"ASSISTANT_EVALUATION": str(evaluation), "ASSISTANT_ALLOW_PRIVATE_ADDRESSES": "1"}
    with serving(corpus, fresh=True, **chosen) as address:
        yield address


@contextmanager
def serving(
    corpus: Path, *, before: str = "", fresh: bool = False, **settings: str
) -> Iterator[str]:
    """The address of a server in its own process; it must not have printed a traceback.

    Args:
        before: code to run there first.
        fresh: as a person starts it, with nothing imported.
    """
    log = (corpus.parent / "server.log").open("w+")
    process = (subprocess.Popen if fresh else Forked)(
        [sys.executable, "-c", before + MAIN, "--corpus", str(corpus), "chat", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env=os.environ | settings,
    )
    address = None
    for line in process.stdout:
        if found := re.search(r"http://\S+", line):
            address = found.group()
            break
    assert address, "the server said no address"
    try:
        yield address
    finally:
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

    def __init__(self, browser, server, path="", **context):
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
        self.page.goto(f"{server}{path}")
        expect(self.page.locator("#status")).to_contain_text("ready", timeout=90_000)

    def ask(self, question):
        answers = self.page.locator("#chat .answer")
        before = answers.count()
        self.page.locator("#question textarea, #question input").first.fill(question)
        self.page.locator("#send").click()
        expect(answers).to_have_count(before + 1, timeout=60_000)
        expect(answers.last.locator("h2")).to_be_visible(timeout=60_000)
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
    seen = [one.harmless() for one in opened]
    for one in opened:  # a page that stays open keeps the server from ending
        one.context.close()
    assert seen == [([], [], [], 0)] * len(opened)


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
    seen = visit(path=f"/#/article/{INTERVIEW}?s=0-34")
    expect(seen.page.locator(".article-panel.open mark")).to_have_text(
        "Warns Armenia Against Leaving CSTO", timeout=30_000
    )


def test_a_refusal_shows_the_nearest_passages(visit):
    answer = visit().ask("What is the recipe for sourdough bread?")
    expect(answer).to_contain_text("The articles do not answer this question")
    expect(answer.locator("h2")).to_have_text("Nearest passages")


def test_the_time_of_a_question_narrows_it_and_the_chip_takes_that_back(visit, tmp_path):
    seen = visit()
    answer = seen.ask("How large was the quince harvest of Melrose in May 2024?")
    expect(answer.locator("blockquote").first).to_contain_text("nine tonnes")
    chip = seen.page.locator("#period")
    expect(chip).to_contain_text("in May 2024")
    seen.picture("period", tmp_path)
    chip.click()
    expect(chip).not_to_be_visible(timeout=60_000)
    expect(seen.page.locator("#chat .answer").last.locator("blockquote").first).to_contain_text(
        "nine tonnes", timeout=60_000
    )


def test_only_the_articles_that_a_person_chose_are_asked(visit):
    seen = visit()
    page = seen.page
    page.locator("#which button").first.click()
    page.get_by_role("textbox", name="Published since").fill("soon")
    page.locator("#question textarea, #question input").first.fill("How large was the harvest?")
    page.locator("#send").click()
    expect(page.locator("#chat .note").last).to_contain_text("2026-11-24", timeout=60_000)
    page.get_by_role("textbox", name="Published since").fill("2025-01-01")
    answer = seen.ask("How large was the quince harvest of Melrose?")
    expect(answer).not_to_contain_text("nine tonnes")
    page.get_by_role("textbox", name="Published since").fill("")
    for kind, name in (
        ("Outlets", "Orchard Weekly"),
        ("Authors", "Pomona Grove"),
        ("Articles", "Quince harvest (2024-05-07)"),
    ):
        box = page.get_by_label(kind).last
        box.click()
        page.get_by_role("option", name=name).click()
        answer = seen.ask("How large was the quince harvest of Melrose?")
        expect(answer).to_contain_text("nine tonnes")
        answer = seen.ask("what did Galuzin say about the EU mission")
        expect(answer).to_contain_text("do not answer")
        box.click()
        page.keyboard.press("Backspace")
        page.keyboard.press("Escape")
        expect(seen.ask(MAIN_QUESTION)).to_contain_text(MAIN_SENTENCE)


def test_an_example_question_is_asked_by_a_click(visit):
    seen = visit()
    seen.page.locator("#examples button").first.click()
    expect(seen.page.locator("#chat .answer .card").first).to_be_visible(timeout=60_000)


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


def test_a_thumb_down_puts_the_answer_into_the_inbox(visit, evaluation):
    seen = visit()
    page = seen.page
    seen.ask("What is the recipe for sourdough bread?")
    answer = seen.ask(MAIN_QUESTION)
    page.get_by_role("button", name="Dislike").last.click()
    form = page.locator("#feedback")
    expect(form).to_contain_text(f"What is wrong with the answer to “{MAIN_QUESTION}”?")
    expect(form.get_by_label("Wrong source")).to_be_focused()
    page.locator("#give").click()
    expect(form).to_contain_text("Choose first what is wrong")
    form.get_by_label("Missing fact").check()
    form.get_by_label("Remark").fill("<b>He said more</b>\u2028in July")
    page.locator("#give").click()
    expect(page.get_by_text("Thank you")).to_be_visible()
    expect(form).to_have_count(0)
    (line,) = (evaluation / "inbox.jsonl").read_text().splitlines()
    given = json.loads(line)
    assert given["question"] == MAIN_QUESTION
    assert given["answered"] is True
    assert given["reason"] == "missing fact"
    assert given["remark"] == "<b>He said more</b>\u2028in July"
    quotes = [citation["quote"] for citation in given["citations"]]
    assert MAIN_SENTENCE in quotes[0]
    assert len(quotes) == answer.locator("blockquote").count()


def test_a_thumb_up_or_a_change_of_mind_stores_nothing(visit, evaluation):
    inbox = evaluation / "inbox.jsonl"
    before = inbox.read_bytes() if inbox.exists() else b""
    seen = visit()
    page = seen.page
    seen.ask(MAIN_QUESTION)
    page.get_by_role("button", name="Like", exact=True).click()
    expect(page.get_by_text("Thank you")).to_be_visible()
    expect(page.locator("#feedback")).to_have_count(0)
    for _ in range(2):  # after Cancel the thumb can be turned down again
        page.get_by_role("button", name="Dislike", exact=True).click()
        expect(page.locator("#feedback")).to_be_visible()
        page.locator("#cancel").click()
        expect(page.locator("#feedback")).to_have_count(0)
    page.get_by_role("button", name="Dislike", exact=True).click()
    expect(page.locator("#feedback")).to_be_visible()
    page.get_by_role("button", name="Disliked").click()
    expect(page.locator("#feedback")).to_have_count(0)
    assert (inbox.read_bytes() if inbox.exists() else b"") == before


def test_a_question_of_the_evaluation_is_asked_again(visit, tmp_path):
    seen = visit()
    page = seen.page
    page.get_by_role("tab", name="Evaluation").click()
    expect(page.locator("#run")).to_contain_text("bundled-1 2026-11-24 22:15:00")
    summary = page.locator(".summary")
    expect(summary.get_by_role("row", name="evidence hit@1 0.81 0.77 to 0.85")).to_be_visible()
    expect(summary.get_by_role("row", name="token F1 – –")).to_be_visible()
    expect(summary.get_by_role("row", name="wrong sentence 1")).to_be_visible()
    cells = page.locator("#questions [role=gridcell][data-col='0']")
    expect(cells).to_have_text(["wrong sentence", "**odd**", "rightly refused"])
    page.get_by_role("gridcell", name=MAIN_QUESTION).click()
    case = page.locator("#case")
    expect(case).to_be_in_viewport()
    expect(case).to_contain_text("It collects <i>intelligence</i>.")
    expect(case).to_contain_text("gone.txt (not among these articles)")
    case.locator("a.open").click()
    expect(page.locator(".article-panel.open")).to_contain_text(MAIN_SENTENCE)
    page.keyboard.press("Escape")
    page.locator("#again").click()
    answer = page.locator("#chat .answer")
    expect(answer.locator("blockquote").first).to_contain_text(MAIN_SENTENCE, timeout=60_000)
    expect(page.locator("#chat .asked")).to_have_text([MAIN_QUESTION])
    # It is an answer like any other: the next question follows it, and feedback can be given.
    seen.ask("What is the recipe for sourdough bread?")
    expect(page.locator("#chat .asked")).to_have_count(2)
    page.get_by_role("button", name="Dislike").first.click()
    expect(page.locator("#feedback")).to_contain_text(MAIN_QUESTION)


def test_the_questions_of_one_outcome_are_shown(visit):
    page = visit().page
    page.get_by_role("tab", name="Evaluation").click()
    page.get_by_label("Questions", exact=True).click()
    page.get_by_role("option", name="rightly refused (1)").click()
    cells = page.locator("#questions [role=gridcell][data-col='2']")
    expect(cells).to_have_text(["Who chairs the harbour?"])
    cells.click()
    expect(page.locator("#case")).to_contain_text("The articles do not answer this question.")


def test_hostile_text_of_a_run_is_shown_as_text(visit):
    page = visit().page
    page.get_by_role("tab", name="Evaluation").click()
    expect(page.locator("#run")).to_contain_text(f"![d](https:{EVIL}/d.png)")
    case = page.locator("#case")
    page.get_by_role("gridcell", name=MAIN_QUESTION).click()
    expect(case).to_contain_text("<script>window.__pwned=6</script> the mission")
    expect(case).to_contain_text(f"<b>Old</b> $$\\href{{https:{EVIL}/k}}{{x}}$$")
    page.get_by_role("gridcell", name="onerror").click()
    expect(case).to_contain_text("Answered then: **odd**", ignore_case=True)
    expect(case.locator(".asked")).to_have_text("<img src=x onerror=window.__pwned=7> ?")
    panel = page.get_by_role("tabpanel", name="Evaluation")
    assert panel.locator("img, script, form, iframe, video, strong, code, .katex").count() == 0


def test_the_report_is_served_and_nothing_else(visit, evaluation, server):
    page = visit().page
    page.get_by_role("tab", name="Evaluation").click()
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Open the whole report").click()
    expect(opened.value.get_by_role("heading", name="Whole report")).to_be_visible()
    found = httpx.get(f"{server}/evaluation/bundled-1.html")
    assert found.headers["content-type"].startswith("text/html")
    assert "frame-ancestors 'none'" in found.headers["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    [
        "bundled-1.json",
        "bundled-1",
        "bundled-1.HTML",
        "",
        "nothing.html",
        "link.html",
        "../secret.html",
        "..%2fsecret.html",
        "..%2f..%2fstore.sqlite3",
        "%2e%2e/secret.html",
        "runs/bundled-1.html",
        "..%2fruns%2fbundled-1.html",
        "%2fetc%2fpasswd",
        "a%00.html",
        "*.html",
    ],
)
def test_only_reports_of_runs_are_served(server, path):
    # As bytes: httpx would resolve the dots itself.
    url = httpx.URL(server).copy_with(raw_path=f"/evaluation/{path}".encode())
    assert httpx.get(url).status_code == 404


def test_a_run_that_cannot_be_read_is_named_and_none_is_said(visit, evaluation):
    page = visit().page
    runs = evaluation / "runs"
    newer = runs / "newer.json"
    page.get_by_role("tab", name="Evaluation").click()
    expect(page.locator("#run")).to_contain_text("bundled-1")
    try:
        for content, said in [
            ("{", "newer.json: is not JSON"),
            ("[]", "is not an evaluation run"),
            ('{"questions": [], "name": 1}', "is not an evaluation run"),
        ]:
            newer.write_text(content)
            page.locator("#refresh").click()
            expect(page.locator("#run")).to_contain_text(said)
            expect(page.locator("#questions")).to_have_count(0)
        newer.unlink()
        runs.rename(evaluation / "aside")
        page.locator("#refresh").click()
        expect(page.locator("#run")).to_contain_text("No evaluation has been run yet: make eval")
    finally:
        newer.unlink(missing_ok=True)
        (evaluation / "aside").rename(runs)
    page.locator("#refresh").click()
    expect(page.locator("#run")).to_contain_text("bundled-1")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_the_page(visit, scheme):
    seen = visit(color_scheme=scheme)
    page = seen.page

    def check(tab):
        expect(page.get_by_role("tab", name=tab)).to_have_attribute("aria-selected", "true")
        page.mouse.move(0, 0)
        page.wait_for_timeout(300)  # colours fade
        found = Axe().run(page).response["violations"]
        serious = [v for v in found if v["impact"] in ("critical", "serious")]
        assert [(tab, v["id"], v["nodes"][0]["html"]) for v in serious] == []
        assert page.get_by_role("heading", level=1).count() == 1

    seen.ask(MAIN_QUESTION)
    page.get_by_role("button", name="Dislike").click()
    expect(page.locator("#feedback")).to_be_visible()
    check("Ask")
    page.get_by_role("tab", name="Articles").click()
    expect(page.get_by_role("gridcell").first).to_be_visible()
    check("Articles")
    page.get_by_role("tab", name="Evaluation").click()
    page.get_by_role("gridcell", name=MAIN_QUESTION).click()
    expect(page.locator("#case")).to_be_visible()
    check("Evaluation")


def test_the_page_fits_a_phone_and_the_dark(visit, tmp_path):
    phone = visit(viewport={"width": 390, "height": 844}, color_scheme="dark")
    phone.ask(MAIN_QUESTION)
    assert phone.page.evaluate("document.documentElement.scrollWidth") <= 390
    phone.picture("phone", tmp_path)
    phone.page.get_by_role("tab", name="Evaluation").click()
    phone.page.get_by_role("gridcell", name=MAIN_QUESTION).click()
    expect(phone.page.locator("#case")).to_be_visible()
    assert phone.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_ten_people_at_once_get_their_own_answers(visit):
    words = "Gyumri Lachin Minsk Tass Yerevan Overchuk Lars Kazakhstan Georgia Zangezur".split()
    seen = {word: visit() for word in words}
    for word, one in seen.items():
        one.page.locator("#question textarea, #question input").first.fill(
            f"What is said about {word}?"
        )
    for one in seen.values():
        one.page.locator("#send").click()
    for word, one in seen.items():
        answer = one.page.locator("#chat .answer")
        expect(answer.locator("h2")).to_be_visible(timeout=60_000)
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

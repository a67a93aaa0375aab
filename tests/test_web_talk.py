"""Talking in the page: follow-ups, the line that says what was searched for, a language model."""

from threading import Event

import pytest
from playwright.sync_api import expect

from .conftest import copy_bundled
from .llm_server import LLMServer, Reply
from .test_asking import MAIN_QUESTION
from .test_web import Visit, browser, serving  # noqa: F401 - a fixture

pytestmark = pytest.mark.slow

MEMBERS = "How many members does the CSTO have?"


@pytest.fixture(scope="module")
def service():
    with LLMServer() as service:
        yield service


@pytest.fixture(scope="module")
def server(tmp_path_factory, bundled_index, service):
    corpus = copy_bundled(bundled_index, tmp_path_factory.mktemp("talk") / "articles")
    chosen = {"LLM": "openai-like", "LLM_MODEL": "scripted", "LLM_URL": service.url}
    with serving(corpus, **{f"ASSISTANT_{key}": value for key, value in chosen.items()}) as address:
        yield address


@pytest.fixture
def visit(browser, server):  # noqa: F811
    seen = Visit(browser, server)
    yield seen
    assert seen.harmless() == ([], [], [], 0)
    seen.context.close()


def say(visit, question):
    visit.page.locator("#question textarea, #question input").first.fill(question)
    visit.page.locator("#send").click()


def test_prose_streams_its_citations_appear_and_its_sentences_are_judged(visit, service, tmp_path):
    go_on = Event()
    service.will(
        Reply(
            "Galuzin said that the EU mission is collecting intelligence ",
            "against Russia and Azerbaijan. [1",
            go_on,
            "] It has 4711 members. [1]",
        )
    )
    say(visit, MAIN_QUESTION)
    answer = visit.page.locator("#chat .answer").last
    expect(answer).to_contain_text("against Russia and Azerbaijan.", timeout=60_000)
    expect(answer).not_to_contain_text("[1")
    expect(visit.page.locator("#stop")).to_be_visible()
    go_on.set()
    expect(answer.locator("a.cite").first).to_have_text("1")
    expect(answer.locator(".verdict.verified")).to_have_count(1, timeout=30_000)
    wrong = answer.locator(".verdict.unsupported")
    expect(wrong).to_be_visible()
    assert wrong.evaluate("mark => getComputedStyle(mark).opacity") == "1"
    assert "4711" in wrong.get_attribute("title")
    expect(visit.page.locator("#stop")).not_to_be_visible()
    visit.picture("prose", tmp_path)
    answer.locator("a.cite").first.click()
    expect(visit.page.locator(".article-panel.open mark")).to_be_visible(timeout=30_000)


def test_a_sentence_with_a_quotation_that_nobody_said_is_removed(visit, service):
    service.says(
        "He calls it “a circus of clowns and spies in disguise”. [1] "
        "The mission is collecting intelligence against Russia and Azerbaijan. [1]"
    )
    say(visit, MAIN_QUESTION)
    answer = visit.page.locator("#chat .answer").last
    expect(answer.locator(".notice")).to_contain_text("A sentence was removed", timeout=60_000)
    expect(answer.locator(".prose")).not_to_contain_text("circus")


def test_an_answer_is_stopped(visit, service):
    never = Event()
    service.will(Reply("The mission is", never))
    say(visit, MAIN_QUESTION)
    expect(visit.page.locator("#chat .answer").last).to_contain_text(
        "The mission is", timeout=60_000
    )
    visit.page.locator("#stop").click()
    expect(visit.page.locator("#chat .bot").last).to_contain_text("Stopped")
    expect(visit.page.locator("#send")).to_be_visible(timeout=30_000)
    assert service.was_left()
    never.set()
    service.says("There are six members. [1]")
    say(visit, MEMBERS)
    expect(visit.page.locator("#chat .answer").last).to_contain_text("six members", timeout=60_000)


@pytest.mark.parametrize(
    "reply, said",
    [
        (Reply.error(429), "again"),
        (Reply.error(401), "key"),
        (Reply.error(404), "scripted"),
        (Reply.error(500), "scripted"),
    ],
)
def test_when_the_model_fails_the_sentences_stand_in_and_say_so(visit, service, reply, said):
    service.otherwise = reply
    say(visit, MAIN_QUESTION)
    answer = visit.page.locator("#chat .answer").last
    notice = answer.locator(".notice")
    expect(notice).to_contain_text(said, timeout=60_000)
    expect(notice).to_contain_text("These are the sentences")
    expect(answer.locator("blockquote").first).to_contain_text("collecting intelligence")


def test_without_evidence_the_model_is_not_called(visit, service):
    before = len(service.requests)
    answer = visit.ask("What is the recipe for sourdough bread?")
    expect(answer).to_contain_text("The articles do not answer this question")
    assert len(service.requests) == before


def test_a_follow_up_is_made_to_stand_alone_and_the_line_can_be_corrected(visit, service, tmp_path):
    service.says("Armenia joined the EAEU on 2 January 2015. [1]")
    say(visit, "When did Armenia join the EAEU?")
    searched = visit.page.locator("#searched textarea, #searched input").first
    expect(searched).to_have_value("When did Armenia join the EAEU?", timeout=60_000)
    service.will(
        Reply("When did Kyrgyzstan join the EAEU?"), Reply("It joined in August 2015. [1]")
    )
    say(visit, "and Kyrgyzstan?")
    expect(searched).to_have_value("When did Kyrgyzstan join the EAEU?", timeout=60_000)
    expect(visit.page.locator("#chat .asked").last).to_have_text("and Kyrgyzstan?")
    visit.picture("follow-up", tmp_path)
    service.says("Belarus is a founder. [1]")
    searched.fill("When did Belarus join the EAEU?")
    visit.page.locator("#again-search").click()
    expect(visit.page.locator("#chat .asked").last).to_have_text(
        "When did Belarus join the EAEU?", timeout=60_000
    )
    expect(visit.page.locator("#chat .asked")).to_have_count(2)


@pytest.mark.parametrize("said, reply", [("hello", "Hello"), ("thanks", "welcome")])
def test_small_talk_is_answered_without_sources(visit, said, reply):
    say(visit, said)
    answer = visit.page.locator("#chat .answer").last
    expect(answer).to_contain_text(reply, timeout=60_000)
    expect(answer.locator(".card")).to_have_count(0)

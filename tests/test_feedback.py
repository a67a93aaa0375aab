"""From a thumbs-down to a question of the evaluation: the inbox, and what is adopted from it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from assistant import feedback
from assistant.errors import AssistantError, SettingsError, StoreError
from assistant.schema import Answer, Citation
from assistant.settings import load_settings
from eval.inbox import adopt, read_cases

from .conftest import Folder

HARBOUR = "The harbour was closed on Monday. It opens again in May."
REVIEW = {
    "reviewed": True,
    "kind": "fact",
    "answers": ["on Monday"],
    "article_ids": ["harbour.txt"],
    "evidence": ["The harbour was closed on Monday."],
    "reference": "It was closed on Monday.",
}
WRITER = """
import sys
from pathlib import Path
from assistant.feedback import give
from assistant.schema import Answer
for number in range(50):
    text = f"{sys.argv[2]} {number} " + "x" * 20_000
    give(Path(sys.argv[1]), Answer(text, text, text, True), "missing fact")
"""


def an_answer(question="When was the harbour closed?", **more):
    citation = Citation(
        1, "harbour.txt", "Harbour", None, None, None, 0, 33, HARBOUR[:33], 0, HARBOUR
    )
    return Answer(question, question, "On Monday. [1]", True, citations=(citation,), **more)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def write(path, *records):
    path.write_text("".join(f"{r if isinstance(r, str) else json.dumps(r)}\n" for r in records))
    return path


@pytest.fixture
def inbox(tmp_path):
    return tmp_path / "eval" / "inbox.jsonl"


@pytest.fixture
def questions(tmp_path):
    return write(tmp_path / "questions.jsonl", {"_id": "a1", "text": "Why?", "kind": "why"})


def reviewed(inbox, *questions, **more):
    """An inbox with these questions, reviewed."""
    for question in questions:
        feedback.give(inbox, an_answer(question), "missing fact")
    return write(inbox, *({**line, **REVIEW, **more} for line in lines(inbox)))


def test_feedback_keeps_the_answer_as_it_was_given(folder: Folder, tmp_path):
    folder.write("harbour.txt", HARBOUR)
    with folder.open(evaluation=tmp_path / "new" / "eval") as assistant:
        assistant.sync()
        answer = assistant.ask("When was the harbour closed?")
        path = assistant.give_feedback(answer, "wrong source", "  It was Tuesday\u2028\ud800. ")
    assert path == tmp_path / "new" / "eval" / "inbox.jsonl"
    (line,) = lines(path)
    said = answer.to_dict()
    kept = [key for key in said if key in line]
    assert {"question", "text", "citations", "confidence"} <= set(kept)
    assert {key: line[key] for key in kept} == {key: said[key] for key in kept}
    assert line["citations"]
    assert line["reason"] == "wrong source"
    assert line["remark"] == "It was Tuesday\u2028\ud800."
    assert line["time"].endswith("+00:00")
    assert read_cases(path)[0].question == "When was the harbour closed?"


def test_the_inbox_lies_in_the_working_folder_or_with_the_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = load_settings(data=tmp_path / "data")
    assert settings.evaluation_folder == tmp_path / "data" / "eval"
    Path("eval").mkdir()
    assert settings.evaluation_folder == Path("eval")
    monkeypatch.setenv("ASSISTANT_EVALUATION", "elsewhere")
    assert load_settings().evaluation_folder == Path("elsewhere")


@pytest.mark.parametrize(
    "reason, remark, said",
    [("too long", "", "wrong source, missing fact"), ("missing fact", "x" * 2001, "shorten it")],
)
def test_feedback_that_is_none_is_refused(inbox, reason, remark, said):
    with pytest.raises(SettingsError, match=said):
        feedback.give(inbox, an_answer(), reason, remark)
    assert not inbox.exists()


def test_an_inbox_that_cannot_be_written_is_an_error_that_names_it(tmp_path):
    (tmp_path / "eval").write_text("a file where the folder should be")
    with pytest.raises(StoreError, match=r"eval.*`evaluation`"):
        feedback.give(tmp_path / "eval" / "inbox.jsonl", an_answer(), "missing fact")


def test_a_full_disk_leaves_the_inbox_as_it_was(inbox, monkeypatch):
    feedback.give(inbox, an_answer(), "missing fact")
    before = inbox.read_bytes()
    write_all = feedback.os.write
    monkeypatch.setattr(feedback.os, "write", lambda file, data: write_all(file, data[:40]))
    with pytest.raises(StoreError, match="the disk is full"):
        feedback.give(inbox, an_answer(), "missing fact")
    monkeypatch.undo()
    assert inbox.read_bytes() == before


def test_lines_of_two_processes_do_not_mix(inbox):
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(inbox), name]) for name in ("a", "b")
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    questions = [line["question"].split()[:2] for line in lines(inbox)]
    for name in ("a", "b"):
        assert [q[1] for q in questions if q[0] == name] == [str(n) for n in range(50)]


def test_a_reviewed_case_becomes_a_question_once(inbox, questions):
    feedback.give(inbox, an_answer(), "wrong source", "see page 2")
    feedback.give(inbox, an_answer("Who closed it?"), "missing fact")
    first, second = lines(inbox)
    write(inbox, {**first, **REVIEW}, second)
    kept = inbox.read_text().splitlines()[1]
    assert adopt(inbox, questions) == 1
    assert inbox.read_text() == kept + "\n"
    old, new = lines(questions)
    assert old["_id"] == "a1"
    assert list(new) == "_id text kind answers article_ids evidence reference asked".split()
    assert new["_id"].startswith("inbox-")
    assert len(new["_id"]) == len("inbox-") + 12
    assert (new["text"], new["asked"]) == ("When was the harbour closed?", None)
    assert new["evidence"] == REVIEW["evidence"]
    after = questions.read_bytes(), inbox.read_bytes()
    assert adopt(inbox, questions) == 0
    assert (questions.read_bytes(), inbox.read_bytes()) == after
    assert {p.name for p in inbox.parent.iterdir()} <= {"inbox.jsonl", "inbox.jsonl.lock"}


def test_a_follow_up_becomes_the_question_that_it_was_understood_as(inbox, questions):
    asked = an_answer("and in May?", standalone="When was the harbour closed in May?")
    feedback.give(inbox, asked, "missing fact")
    (line,) = lines(inbox)
    write(inbox, {**line, **REVIEW})
    assert adopt(inbox, questions) == 1
    assert lines(questions)[1]["text"] == "When was the harbour closed in May?"


def test_a_question_that_was_added_before_a_crash_is_not_added_again(inbox, questions):
    reviewed(inbox, "When was it closed?")
    before = inbox.read_bytes()
    adopt(inbox, questions)
    inbox.write_bytes(before)
    assert adopt(inbox, questions) == 0
    assert len(lines(questions)) == 2
    assert inbox.read_bytes() == b""


def test_the_same_question_with_another_review_is_not_lost(inbox, questions):
    reviewed(inbox, "When was it closed?")
    adopt(inbox, questions)
    reviewed(inbox, "When was it closed?", answers=["in May"])
    with pytest.raises(StoreError, match=r"inbox.jsonl:1: question is adopted already"):
        adopt(inbox, questions)


@pytest.mark.parametrize("lacking", ["kind", "answers", "article_ids", "evidence", "reference"])
@pytest.mark.parametrize("value", [None, "empty"])
def test_a_review_that_lacks_something_adopts_nothing(inbox, questions, lacking, value):
    reviewed(inbox, "One?", "Two?")
    first, second = lines(inbox)
    if value is None:
        del second[lacking]
    else:
        second[lacking] = "" if isinstance(second[lacking], str) else [" "]
    write(inbox, first, second)
    before = inbox.read_bytes(), questions.read_bytes()
    with pytest.raises(StoreError, match=f"inbox.jsonl:2: {lacking} is missing"):
        adopt(inbox, questions)
    assert (inbox.read_bytes(), questions.read_bytes()) == before


def test_an_unanswerable_case_needs_no_evidence(inbox, questions):
    feedback.give(inbox, an_answer(), "should have refused")
    (line,) = lines(inbox)
    review = {"reviewed": True, "kind": "unanswerable-near", "reference": "Nothing is said of it."}
    write(inbox, {**line, **review})
    questions.write_text(questions.read_text().rstrip("\n"))  # as some editors leave it
    assert adopt(inbox, questions) == 1
    assert lines(questions)[1]["answers"] == []


@pytest.mark.parametrize(
    "line, said",
    [
        ('{"question": "cut of', "inbox.jsonl:3: is not JSON"),
        ("[1]", "inbox.jsonl:3: is not a JSON object"),
        ({"question": "Why?"}, "inbox.jsonl:3: reason is missing"),
        ({"question": 4, "reason": "missing fact"}, "inbox.jsonl:3: question is not a text"),
        ({"question": "", "reason": "", "answers": "x"}, "answers is not a list of texts"),
        ({"question": "", "reason": "", "reviewed": "yes"}, "reviewed is not true or false"),
    ],
)
def test_a_broken_line_is_named(inbox, questions, line, said):
    reviewed(inbox, "One?")
    write(inbox, lines(inbox)[0], "", line)
    with pytest.raises(AssistantError, match=said):
        read_cases(inbox)
    with pytest.raises(AssistantError, match=said):
        adopt(inbox, questions)
    assert len(lines(questions)) == 1


def test_no_feedback_is_no_case(inbox, questions):
    assert read_cases(inbox) == []
    assert adopt(inbox, questions) == 0
    assert not inbox.parent.exists()

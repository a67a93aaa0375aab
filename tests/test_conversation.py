"""Follow-ups: what they may mean, which meaning is chosen, and what is no question at all."""

import pytest

from assistant import open_assistant
from assistant.answering.messages import small_talk
from assistant.retrieval.followups import candidate_rewrites, choose, needs_context
from assistant.schema import Turn

MISSION = Turn(
    "When was the EU mission in Armenia launched?", "It was launched on 20 February 2023."
)
JOINED = Turn("When did Armenia join the EAEU?", "Armenia joined on 2 January 2015.")


@pytest.mark.parametrize(
    "question",
    [
        "and Kyrgyzstan?",
        "since when?",
        "why?",
        "what did he say about the council?",
        "were they ever ratified?",
        "what do those countries want?",
        "and in May?",
        "how many soldiers does it have?",
        "what about the treaty?",
        "who led the mission?",
    ],
)
def test_a_question_that_leans_on_the_talk_is_known(question):
    assert needs_context(question)


@pytest.mark.parametrize(
    "question",
    [
        "Who is the secretary general of the CSTO?",
        "Which university do most Russian diplomats come from?",
        "Are there any Russian border guards in Armenia?",
        "Who said that Armenia turned to the European Union?",
    ],
)
def test_a_question_that_stands_alone_has_one_reading(question):
    assert candidate_rewrites(question, [MISSION]) == (question,)


@pytest.mark.parametrize(
    "turns, question, meant",
    [
        (
            [MISSION],
            "how many staff did it start with?",
            "how many staff did the EU mission in Armenia start with?",
        ),
        ([JOINED], "and Kyrgyzstan?", "When did Kyrgyzstan join the EAEU?"),
        ([JOINED], "And what about Georgia", "When did Georgia join the EAEU?"),
        (
            [Turn("What did Pashinyan say about the CSTO in February 2024?")],
            "and in May 2024?",
            "What did Pashinyan say about the CSTO in May 2024?",
        ),
        (
            [
                Turn(
                    "Who is the spokeswoman of the ministry?", "Maria Zakharova is the spokeswoman."
                )
            ],
            "since when has she been doing that job?",
            "since when has Maria Zakharova been doing that job?",
        ),
        (
            [Turn("What is the capital of Armenia?", "The capital of Armenia is Yerevan.")],
            "what's its airport called?",
            "what's Yerevan’s airport called?",
        ),
        (
            [Turn("When was the Lachin road blocked?")],
            "what happened there?",
            "what happened in the Lachin road?",
        ),
        (
            [MISSION, Turn("Who was its first head?", "Markus Ritter, a German police officer.")],
            "where was he before?",
            "where was Markus Ritter before?",
        ),
    ],
)
def test_what_a_follow_up_means_is_among_its_readings(turns, question, meant):
    assert meant in candidate_rewrites(question, turns)


def test_the_question_as_typed_is_always_the_first_reading():
    assert candidate_rewrites("and when was it over?", [MISSION])[0] == "and when was it over?"


def test_the_words_of_the_talk_are_added_where_nothing_can_be_replaced():
    found = candidate_rewrites("why?", [Turn("Why did Armenia freeze its part in the CSTO?")])
    assert any("Armenia" in one and "CSTO" in one for one in found[1:])


@pytest.mark.parametrize("question", ["did this article say so?", "and the one with Iran?"])
def test_no_name_stands_before_a_noun_that_has_its_own_word(question):
    assert not any(
        "Armenia article" in r or "Armenia with" in r
        for r in candidate_rewrites(question, [JOINED])
    )


@pytest.mark.parametrize(
    "text", ["", "?", "and", "it", "\u202eand?", "a" * 5000, "and " * 500, "他说了什么?"]
)
def test_any_text_has_readings(text):
    assert candidate_rewrites(text, [MISSION, Turn(text, text)])[0] == text


@pytest.mark.parametrize(
    "confidences, chosen",
    [
        ([0.1, 0.8, 0.85], 1),  # words put behind read worse, so they must be answered much better
        ([0.1, 0.5, 0.85], 2),
        ([0.8, 0.82, 0.82], 0),  # as typed it is answered as well
        ([0.0, 0.0, 0.0], 0),
    ],
)
def test_the_reading_that_is_answered_best_is_chosen(confidences, chosen):
    texts = ["and when was it over?", "and when was the war over?", "and when was it over (war)?"]
    assert choose(texts, confidences) == chosen


@pytest.mark.parametrize(
    "said, topic",
    [
        ("hello", "greeting"),
        ("Hi there!", "greeting"),
        ("Good morning", "greeting"),
        ("thanks", "thanks"),
        ("Thank you very much!", "thanks"),
        ("ok, thanks", "thanks"),
        ("bye", "farewell"),
        ("what can you do?", "ability"),
        ("Who are you?", "ability"),
        ("help", "ability"),
        ("hello who is Galuzin?", None),
        ("thanks to whom was it signed?", None),
        ("what can Armenia do?", None),
        ("who are the members?", None),
    ],
)
def test_small_talk_is_told_from_questions(said, topic):
    assert small_talk(said) == topic


def test_small_talk_gets_a_human_answer_without_citations(bundled):
    answer = bundled.ask("what can you do?")
    assert not answer.answered
    assert not answer.citations
    assert "articles" in answer.text


# ---- over the articles --------------------------------------------------------------------------


def test_a_follow_up_finds_what_it_means(bundled):
    first = bundled.ask("When did Armenia join the EAEU?")
    answer = bundled.ask("and Kyrgyzstan?", [first.turn()])
    assert answer.question == "and Kyrgyzstan?"
    assert answer.standalone == "When did Kyrgyzstan join the EAEU?"
    assert "August 2015" in answer.citations[0].quote


def test_a_change_of_topic_is_not_dragged_back(bundled):
    first = bundled.ask("When was the Lachin road blocked?")
    answer = bundled.ask("In what year was NATO founded?", [first.turn()])
    assert answer.standalone == "In what year was NATO founded?"
    assert "1949" in answer.citations[0].quote


def test_a_question_said_to_stand_alone_is_searched_for_as_it_is(bundled):
    turn = Turn("When did Armenia join the EAEU?")
    assert bundled.ask("and Kyrgyzstan?", [turn], alone=True).standalone == "and Kyrgyzstan?"


def test_a_refused_question_is_leant_on_as_well(bundled):
    refused = bundled.ask("What does the EAEU think of penguins?")
    assert not refused.answered
    assert refused.turn().question == "What does the EAEU think of penguins?"


def test_turns_are_of_no_use_where_there_are_no_articles(tmp_path):
    with open_assistant(corpus=tmp_path) as assistant:
        assert not assistant.ask("and in May?", [MISSION]).answered

"""Narrowing: by outlet, author, date and article; and by the time that a question speaks of."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest

from assistant.cli import main
from assistant.schema import Filter

TODAY = date(2024, 6, 12)
STORY = """---
title: The whale of {month}
source: {source}
published: {published}
authors: [{author}]
---

The whale was seen {where} on {published}. A fisherman said that the whale liked {food}.
"""


@pytest.fixture
def whales(folder):
    for month, published, source, author, where, food in (
        ("April", "2024-04-03", "Daily Post", "Ann Berg", "near the pier", "herring"),
        ("May", "2024-05-07T18:00:00", "Daily Post", "Bo Lind", "in the bay", "cod"),
        ("June", "2024-06-04", "Harbour Gazette", "Ann Berg", "under the bridge", "krill"),
    ):
        folder.write(
            f"{month.lower()}.md",
            STORY.format(
                month=month,
                published=published,
                source=source,
                author=author,
                where=where,
                food=food,
            ),
        )
    folder.write("undated.md", "The whale was seen behind the church. A fisherman said so.")
    with folder.open(threshold=0.0) as assistant:
        assistant.sync()
        yield assistant


def found(assistant, question="Where was the whale seen?", **options):
    answer = assistant.ask(question, today=TODAY, **options)
    return sorted({scored.passage.article_id for scored in answer.passages})


ALL = ["april.md", "june.md", "may.md", "undated.md"]


@pytest.mark.parametrize(
    "within, expected",
    [
        (Filter(), ALL),
        (Filter(sources=("Daily Post",)), ["april.md", "may.md"]),
        (Filter(sources=("Daily Post", "Harbour Gazette")), ["april.md", "june.md", "may.md"]),
        (Filter(authors=("Ann Berg",)), ["april.md", "june.md"]),
        (Filter(since="2024-05-07"), ["june.md", "may.md"]),
        (Filter(until="2024-05-07"), ["april.md", "may.md"]),
        (Filter(since="2024-05-01", until="2024-05-31"), ["may.md"]),
        (Filter(articles=("undated.md", "may.md")), ["may.md", "undated.md"]),
        (Filter(sources=("Daily Post",), authors=("Ann Berg",)), ["april.md"]),
        (Filter(sources=("'; DROP TABLE articles; --",)), []),
    ],
)
def test_only_the_chosen_articles_answer(whales, within, expected):
    assert found(whales, within=within) == expected
    passages = whales.retrieve("Where was the whale seen?", 10, within)
    assert sorted({scored.passage.article_id for scored in passages}) == expected


@pytest.mark.parametrize(
    "question, expected, period",
    [
        ("Where was the whale seen last week?", ["june.md"], "last week"),
        ("Where was the whale seen in May?", ["may.md"], "in May"),
        ("Where was the whale seen since May 2024?", ["june.md", "may.md"], "since May 2024"),
        ("Where was the whale seen?", ALL, ""),
        ("Where was the whale seen in 1999?", ALL, ""),  # no article of then answers
    ],
)
def test_the_time_that_a_question_speaks_of_narrows_it_where_articles_of_then_answer(
    whales, question, expected, period
):
    answer = whales.ask(question, today=TODAY)
    assert sorted({scored.passage.article_id for scored in answer.passages}) == expected
    assert answer.period == period


FERRY = """---
title: {title}
published: {published}
---

{said} people died when the ferry Albatross sank off Norwell, the coast guard said.
"""


def test_articles_need_not_say_the_time_in_which_they_were_published(folder):
    folder.write("first.md", FERRY.format(title="Ferry sinks", published="2024-05-03", said="Nine"))
    folder.write("later.md", FERRY.format(title="Ferry", published="2024-05-09", said="Eleven"))
    question = "How many people died on the Albatross before 6 May 2024?"
    with folder.open() as assistant:
        assistant.sync()
        answer = assistant.ask(question, today=TODAY)
    assert (answer.short_answer, answer.period) == ("Nine", "before 6 May 2024")
    assert answer.standalone == question


def test_a_time_never_widens_what_was_chosen(whales):
    chosen = Filter(since="2024-06-01")
    assert found(whales, "Where was the whale seen since April 2024?", within=chosen) == ["june.md"]
    assert found(whales, "Where was the whale seen in May?", within=chosen) == ["june.md"]


def test_a_person_can_do_without_the_time(whales):
    assert found(whales, "Where was the whale seen in May?", narrow=False) == ALL


@pytest.mark.parametrize("most", [1, 2, 100])
@pytest.mark.parametrize("depth", [1, 2, 50])
@pytest.mark.parametrize("question", ["whale in the bay", "church", "krill in June", "zebra"])
def test_many_passages_are_sifted_as_few_are_looked_at(whales, monkeypatch, question, depth, most):
    def found():
        passages = whales.retrieve(question, 10, Filter(sources=("Daily Post",)))
        return [(s.passage.number, s.dense_rank, s.lexical_rank) for s in passages]

    monkeypatch.setattr("assistant.retrieval.retriever.DEPTH", depth)
    few = found()
    assert few
    monkeypatch.setattr("assistant.retrieval.retriever.FEW", 1)
    monkeypatch.setattr("assistant.retrieval.retriever.MOST", most)
    whales._retriever._among.cache_clear()
    assert found() == few


def test_many_threads_may_narrow_differently_at_once(whales):
    """With more filters than are remembered, each look-up also drops one from the memory."""
    filters = [
        Filter(since=f"2024-{month:02}-{day:02}") for month in (1, 2) for day in range(1, 29)
    ]

    def narrow(seed):
        for step in range(2_000):
            whales._retriever._among(filters[(seed * 7 + step * 5) % len(filters)])
        return "done"

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(narrow, range(8))) == ["done"] * 8
    finally:
        sys.setswitchinterval(before)


def test_outlets_are_listed_by_how_many_articles_they_have(whales):
    assert whales.sources() == ["Daily Post", "Harbour Gazette"]
    assert whales.authors() == ["Ann Berg", "Bo Lind"]


def test_the_command_narrows_too(whales, folder, capsys):
    command = ["--corpus", str(folder.root), "ask", "--json", "Where was the whale seen?"]
    main([*command, "--since", "2024-05-01", "--source", "Daily Post"], standalone_mode=False)
    answer = json.loads(capsys.readouterr().out)
    assert {c["article_id"] for c in answer["citations"]} == {"may.md"}
    assert answer["within"]["since"] == "2024-05-01"
    main([*command, "--author", "Ann Berg", "--article", "june.md"], standalone_mode=False)
    answer = json.loads(capsys.readouterr().out)
    assert {c["article_id"] for c in answer["citations"]} == {"june.md"}


@pytest.mark.parametrize("value", ["soon", "2024-13-01", "last week"])
def test_a_date_that_is_none_is_refused_with_the_remedy(folder, capsys, value):
    with pytest.raises(SystemExit):
        main(["--corpus", str(folder.root), "ask", "Who?", "--since", value])
    assert "2026-11-24" in capsys.readouterr().err


@pytest.mark.parametrize(
    "question, expected",
    [
        ("Was the walrus seen in the harbour?", {"walrus.md"}),
        ("What of the harbour?", {"walrus.md", *(f"{n}.md" for n in range(5))}),
    ],
)
def test_common_words_are_left_out_where_they_would_cost_too_much(
    folder, monkeypatch, question, expected
):
    monkeypatch.setattr("assistant.retrieval.query.MAX_ROWS", 4)
    for number in range(5):
        folder.write(f"{number}.md", f"The harbour was quiet on day {number}, said the master.")
    folder.write("walrus.md", "A walrus swam into the harbour.")
    with folder.open(retrieval="lexical") as assistant:
        assistant.sync()
        found = assistant.retrieve(question, 10)
    assert {scored.passage.article_id for scored in found} == expected

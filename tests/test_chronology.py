"""What is newest, and what is said where dated articles disagree."""

import json
from dataclasses import dataclass

import pytest

from assistant.answering.reader import ReaderResult
from assistant.answering.recency import certainly_later
from assistant.cli import main
from assistant.retrieval.question_types import asks_for_latest
from assistant.schema import Disagreement, Evidence, ReportedValue
from assistant.text.sentences import sentences_of
from assistant.web import html as render

from .llm_server import LLMServer


@dataclass
class Pointer:
    """A reader for whom each sentence with one of these words answers, the first words best."""

    answers: tuple[str, ...]

    def read(self, query, candidates):
        found = []
        for passage in (candidate.passage for candidate in candidates):
            for start, end in sentences_of(passage):
                text = passage.text[start - passage.start : end - passage.start]
                place = next((i for i, a in enumerate(self.answers) if a in text), None)
                if place is not None:
                    sure = 0.95 - 0.01 * place
                    answer = self.answers[place]
                    found.append(Evidence(passage, start, end, text, sure, answer=answer))
        found.sort(key=lambda one: -one.probability)
        return ReaderResult(tuple(found), 0.9 if found else 0.0, found[0].answer if found else None)


def write(folder, *articles):
    for number, (published, title, text) in enumerate(articles):
        date = f"published: {published}\n" if published else ""
        head = f"---\ntitle: {title}\nsource: Outlet {number}\n{date}---\n\n"
        folder.write(f"{number}.md", f"{head}{text}\n")


def asked(folder, question, answers, **options):
    with folder.open(reader=Pointer(answers)) as assistant:
        assistant.sync()
        return assistant.ask(question, **options)


# ---- whether a question asks for the latest ---------------------------------------------------


@pytest.mark.parametrize(
    "question",
    [
        "What is the latest death toll of the mine collapse?",
        "what's the latest on the mine",
        "the most recent number of members",
        "What is the newest estimate?",
        "Who currently chairs the council?",
        "Who is the current chair of the council?",
        "Who is Armenia's current head of government?",
        "who is the chair now?",
        "What does bread cost today?",
        "How many have died so far?",
        "Who is in charge at the moment?",
        "Is there an up-to-date figure?",
        "What did Galuzin last say about the mission?",
        "Where was the whale last seen?",
        "What does “The Last Tsar” cost now?",
    ],
)
def test_a_question_asks_for_the_latest(question):
    assert asks_for_latest(question)


@pytest.mark.parametrize(
    "question",
    [
        "Who was the last Tsar?",
        "Who fought in the last war?",
        "How long did it last?",
        "What happened last week?",
        "Who wrote “The Latest News from Nowhere”?",
        'Who sang "Right now"?',
        "Who directed 'Apocalypse Now'?",
        "When must it be paid at the latest?",
        "What year is the latest the election could take place?",
        "What was known until now?",
        "What is to change from now on?",
        "Who owned the now-closed mine?",
        "Who printed the now defunct Gazette?",
        "Where does the ocean current flow?",
        "How strong is the current in the Gulf Stream?",
        "Who founded USA TODAY?",
        "Who works for Russia Today?",
        "Which railway still works?",
        "",
    ],
)
def test_a_question_does_not_ask_for_the_latest(question):
    assert not asks_for_latest(question)


# ---- the newest first -------------------------------------------------------------------------

CHAIRS = (
    ("2023-06-01", "Harbour Council elects", "Ann Berg chairs the Harbour Council."),
    ("2025-02-01", "Change at the Harbour Council", "Bo Lind is chair of the Harbour Council."),
    ("2024-02-01", "Harbour Council meets", "The Harbour Council is chaired by Cy Dorn."),
    (None, "On the Harbour Council", "The chair of the Harbour Council is Di Espe."),
)
NAMES = ("Ann Berg", "Cy Dorn", "Di Espe", "Bo Lind")


def quoted(answer):
    return [citation.article_id for citation in answer.citations]


def test_asked_for_the_latest_the_newest_article_leads_and_gives_the_short_answer(folder):
    write(folder, *CHAIRS)
    answer = asked(folder, "Who currently chairs the Harbour Council?", NAMES)
    assert quoted(answer) == ["1.md", "2.md", "0.md", "3.md"]  # the one without a date last
    assert answer.short_answer == "Bo Lind"
    assert answer.text.startswith("**Bo Lind**")
    assert answer.newest_first
    assert answer.to_dict()["newest_first"] is True


def test_otherwise_the_best_article_leads(folder):
    write(folder, *CHAIRS)
    answer = asked(folder, "Who chairs the Harbour Council?", NAMES)
    assert quoted(answer)[0] == "0.md"
    assert answer.short_answer == "Ann Berg"
    assert not answer.newest_first


def test_a_person_can_do_without_it(folder):
    write(folder, *CHAIRS)
    answer = asked(folder, "Who currently chairs the Harbour Council?", NAMES, narrow=False)
    assert quoted(answer)[0] == "0.md"
    assert not answer.newest_first


@pytest.mark.parametrize(
    "articles",
    [CHAIRS[:1], CHAIRS[3:], (CHAIRS[0], CHAIRS[3]), ((*CHAIRS[0][:1], *CHAIRS[1][1:]), CHAIRS[0])],
    ids=["one", "one without a date", "one of two has a date", "two of one day"],
)
def test_where_nothing_is_newer_nothing_is_said_of_it(folder, articles):
    write(folder, *articles)
    answer = asked(folder, "Who currently chairs the Harbour Council?", NAMES)
    assert answer.answered
    assert not answer.newest_first


def test_the_question_of_a_statement_gets_the_newest_statement_without_a_short_answer(folder):
    write(
        folder,
        ("2024-01-01", "Berg", "Ann Berg said that the bridge is safe."),
        ("2024-03-01", "Berg again", "Ann Berg said that the bridge must be closed."),
    )
    with folder.open(threshold=0.0) as assistant:
        assistant.sync()
        answer = assistant.ask("What did Ann Berg last say about the bridge?")
    assert "must be closed" in answer.citations[0].quote
    assert answer.short_answer is None


def test_news_of_another_place_is_not_the_newest_of_this_one(folder):
    write(
        folder,
        ("2024-01-01", "Bread in Caldmouth", "A loaf of bread costs $2 in Caldmouth."),
        ("2024-02-01", "Bread is dearer in Caldmouth", "In Caldmouth a loaf now costs $3."),
        ("2024-09-01", "Bread in Caldmoor", "A loaf of bread costs $9 in Caldmoor."),
    )
    for question in ("What does bread cost in Caldmouth today?", "bread cost caldmouth today"):
        answer = asked(folder, question, ("$2", "$9", "$3"))
        assert quoted(answer)[0] == "1.md"
        assert quoted(answer)[-1] == "2.md"


@pytest.mark.parametrize(
    "earlier, later",
    [
        ("2024-05-01T23:30:00+00:00", "2024-05-01T20:00:00-08:00"),
        ("2024-05-02T01:00:00+09:00", "2024-05-01T18:00:00Z"),
        ("2024-05-01T08:00:00Z", "2024-05-01T09:00:00Z"),
        ("2024-05-01", "2024-05-02"),
        ("2024-05-01T23:00:00", "2024-05-02"),
    ],
)
def test_dates_are_compared_as_the_instants_they_are(folder, earlier, later):
    write(
        folder,
        (earlier, "Harbour Council elects", CHAIRS[0][2]),
        (later, "Harbour Council meets", CHAIRS[1][2]),
    )
    answer = asked(folder, "Who currently chairs the Harbour Council?", NAMES)
    assert quoted(answer)[0] == "1.md"
    assert answer.disagreements[0].latest == 1


@pytest.mark.parametrize(
    "one, other",
    [
        (None, "2024-05-01"),
        ("2024-05-01", None),
        (None, None),
        ("2024-05-01", "2024-05-01T18:00:00Z"),
        ("2024-05-01T18:00:00Z", "2024-05-01"),
        ("2024-05-01", "2024-05-01"),
        ("some day", "2024-05-01"),
        ("0001-01-01T00:00:00+14:00", "2024-05-01"),
    ],
)
def test_what_is_not_certainly_later_is_not_called_later(one, other):
    assert not certainly_later(one, other)


def test_a_later_version_of_nearly_the_same_text_is_read(folder):
    story = (
        "The council of the harbour met on the pier and spoke of fish, of nets, of the winter ice, "
        "of lamps along the quay, of ropes and of the old lighthouse whose keeper has retired. "
        "{} chairs the Harbour Council. The next meeting is planned for the evening in the town "
        "hall, where members and guests can see the drawings of a new market for everyone."
    )
    write(
        folder,
        ("2024-01-01", "Council meets", story.format("Ann Berg")),
        ("2025-01-01", "Council meets", story.format("Bo Lind")),
    )
    answer = asked(folder, "Who currently chairs the Harbour Council?", NAMES)
    assert answer.short_answer == "Bo Lind"
    answer = asked(folder, "Who chairs the Harbour Council?", NAMES)
    assert [claim.value for claim in answer.disagreements[0].claims] == ["Ann Berg", "Bo Lind"]


# ---- where articles disagree ------------------------------------------------------------------

MINE = "How many miners died in the Greymoor mine?"


def values(answer):
    return [[claim.value for claim in one.claims] for one in answer.disagreements]


@pytest.mark.parametrize(
    "question, earlier, later, answers, expected",
    [
        (
            MINE,
            "Nine miners died in the Greymoor mine.",
            "Eleven miners died in the Greymoor mine.",
            ("Nine", "Eleven"),
            ["9", "11"],
        ),
        (
            MINE,
            "At least nine miners died in the Greymoor mine.",
            "The collapse of the Greymoor mine killed 11 people.",
            ("nine", "11"),
            ["at least 9", "11"],
        ),
        (
            "how many miners died in the greymoor mine",
            "Nine miners died in the Greymoor mine.",
            "The toll of the Greymoor mine rose from nine to 11.",
            ("Nine", "to 11"),
            ["9", "11"],
        ),
        (
            "What is the price of the Calder bridge?",
            "The Calder bridge cost $4 million.",
            "The price of the Calder bridge is $7 million.",
            ("$4 million", "$7 million"),
            ["$4 million", "$7 million"],
        ),
        (
            "What percentage of Calder voted?",
            "In Calder 40 percent of the town voted.",
            "Of the town of Calder 55% voted.",
            ("40 percent", "55%"),
            ["40 percent", "55%"],
        ),
        (
            "Who chairs the Harbour Council?",
            CHAIRS[0][2],
            CHAIRS[1][2],
            NAMES,
            ["Ann Berg", "Bo Lind"],
        ),
        (
            "who is the chair of the harbour council",
            CHAIRS[0][2],
            CHAIRS[1][2],
            NAMES,
            ["Ann Berg", "Bo Lind"],
        ),
    ],
)
def test_dated_articles_that_disagree_are_named_with_their_values(
    folder, question, earlier, later, answers, expected
):
    write(
        folder,
        ("2024-06-01", "Greymoor mine, Harbour Council, Calder", later),
        ("2024-05-01", "Greymoor mine, Harbour Council, Calder", earlier),
    )
    answer = asked(folder, question, answers)
    assert values(answer) == [expected]
    claims = answer.disagreements[0].claims
    assert [claim.published for claim in claims] == ["2024-05-01", "2024-06-01"]
    assert answer.disagreements[0].latest == claims[1].number
    for claim in claims:
        citation = answer.citations[claim.number - 1]
        assert (citation.number, citation.published) == (claim.number, claim.published)


@pytest.mark.parametrize(
    "question, earlier, later, answers",
    [
        (
            MINE,
            "Nine miners died in the Greymoor mine.",
            "About nine miners died in the Greymoor mine.",
            ("Nine", "nine"),
        ),
        (
            MINE,
            "Nine miners died in the Greymoor mine.",
            "9 miners died in the Greymoor mine.",
            ("Nine", "9"),
        ),
        (
            "How many people live in Calder?",
            "Calder has 1,234,567 people.",
            "More than 1.2 million people live in Calder.",
            ("1,234,567", "1.2 million"),
        ),
        (
            "How many people live in Calder?",
            "Calder has 9,032 people.",
            "Calder has 9,000 people.",
            ("9,032", "9,000"),
        ),
        (
            "How many people live in Calder?",
            "Calder has 9,032 people.",
            "In 1990 Calder had 7,500 people.",
            ("9,032", "7,500"),
        ),
        (
            "How many people live in Calder?",
            "Calder has 9,032 people.",
            "Calder will have 12,000 people.",
            ("9,032", "12,000"),
        ),
        (
            MINE,
            "Nine miners died in the Greymoor mine.",
            "Two more miners died in the Greymoor mine.",
            ("Nine", "Two"),
        ),
        (
            MINE,
            "Nine miners died in the Greymoor mine.",
            "Two of the miners died in hospital after the Greymoor mine fell.",
            ("Nine", "Two"),
        ),
        (
            MINE,
            "Nine miners died in the Greymoor mine.",
            "30 rescuers came to the Greymoor mine.",
            ("Nine", "30"),
        ),
        (
            MINE,
            "Nine miners died in the Greymoor mine.",
            "12 percent of the miners died in the Greymoor mine.",
            ("Nine", "12 percent"),
        ),
        (
            MINE,
            "Nine miners died in the Greymoor mine.",
            "Between ten and twelve miners died in the Greymoor mine.",
            ("Nine", "ten and twelve"),
        ),
        (
            "What percentage of Calder is against the bridge?",
            "In a poll 40 percent of Calder were against the bridge.",
            "Against the bridge are 55 percent of Calder, a survey found.",
            ("40 percent", "55 percent"),
        ),
        (
            MINE,
            "Nine miners died in the Greymoor mine on 3 May.",
            "Eleven miners died in the Greymoor mine on 8 August.",
            ("Nine", "Eleven"),
        ),
        (
            MINE,
            "Nine miners died in the Greymoor mine.",
            "Eleven miners died in the Ashford mine.",
            ("Nine", "Eleven"),
        ),
        (
            "When was the mine of Greymoor opened?",
            "The Greymoor mine opened in 1911.",
            "The Greymoor mine opened in 1913.",
            ("1911", "1913"),
        ),
        (
            "What did the miners of Greymoor say?",
            "Nine miners of Greymoor said no.",
            "Eleven miners of Greymoor said yes.",
            ("Nine", "Eleven"),
        ),
        (
            "Who chairs the Harbour Council?",
            "Ann Berg chairs the Harbour Council.",
            "Berg chairs the Harbour Council.",
            ("Ann Berg", "Berg"),
        ),
        (
            "Who chairs the Harbour Council?",
            "Ann Berg chairs the Harbour Council.",
            "Bo Lind, the former chair of the Harbour Council, spoke.",
            ("Ann Berg", "Bo Lind"),
        ),
        (
            "Who chairs the Harbour Council?",
            "Ann Berg chairs the Harbour Council.",
            "Bo Lind, deputy chair of the Harbour Council, spoke.",
            ("Ann Berg", "Bo Lind"),
        ),
        (
            "Who chairs the Harbour Council?",
            "Ann Berg chairs the Harbour Council.",
            "Bo Lind spoke before the Harbour Council.",
            ("Ann Berg", "Bo Lind"),
        ),
        ("Who was the first chair of the Harbour Council?", CHAIRS[0][2], CHAIRS[1][2], NAMES),
        (
            "Who criticised the Harbour Council?",
            "Ann Berg criticised the Harbour Council.",
            "Bo Lind criticised the Harbour Council.",
            NAMES,
        ),
    ],
)
def test_what_does_not_surely_exclude_each_other_is_no_disagreement(
    folder, question, earlier, later, answers
):
    write(folder, ("2024-05-01", "Report", earlier), ("2024-06-01", "Report", later))
    answer = asked(folder, question, answers)
    assert len(answer.citations) >= 1
    assert answer.disagreements == ()


@pytest.mark.parametrize("dates", [("2024-05-01", None), (None, None)])
def test_an_article_without_a_date_disagrees_with_none(folder, dates):
    told = zip(dates, ("Nine", "Eleven"), strict=True)
    write(folder, *((d, "Report", f"{n} miners died in the Greymoor mine.") for d, n in told))
    assert values(asked(folder, MINE, ("Nine", "Eleven"))) == []


def test_an_article_that_says_two_numbers_itself_is_left_out(folder):
    write(
        folder,
        ("2024-05-01", "Report", "Nine miners died in the Greymoor mine."),
        (
            "2024-06-01",
            "Report",
            "Eleven miners died in the Greymoor mine. Twelve miners died in the Greymoor mine.",
        ),
    )
    assert values(asked(folder, MINE, ("Nine", "Eleven", "Twelve"))) == []


def test_of_one_day_neither_is_called_the_later_one(folder):
    write(
        folder,
        ("2024-05-01", "Report", "Nine miners died in the Greymoor mine."),
        ("2024-05-01T18:00:00", "Report", "Eleven miners died in the Greymoor mine."),
    )
    (found,) = asked(folder, MINE, ("Nine", "Eleven")).disagreements
    assert found.latest is None
    assert "later" not in found.summary()


def test_the_second_value_is_cited_though_the_answer_has_no_room_for_it(folder):
    write(
        folder,
        ("2024-05-01", "Report", "Nine miners died in the Greymoor mine."),
        ("2024-06-01", "Report", "Eleven miners died in the Greymoor mine."),
    )
    with folder.open(reader=Pointer(("Nine", "Eleven")), answer_sentences=1) as assistant:
        assistant.sync()
        answer = assistant.ask(MINE)
    assert len(answer.citations) == 2
    assert values(answer) == [["9", "11"]]


def test_the_newest_article_of_a_value_speaks_for_it(folder):
    write(
        folder,
        ("2024-05-01", "Report", "Nine miners died in the Greymoor mine."),
        ("2024-06-01", "Report", "Eleven miners died in the Greymoor mine."),
        ("2024-07-01", "Report", "The Greymoor mine killed nine miners after all."),
    )
    answer = asked(folder, MINE, ("Nine", "Eleven", "nine"))
    assert values(answer) == [["11", "9"]]
    assert answer.disagreements[0].latest == answer.disagreements[0].claims[1].number


# ---- how it is shown --------------------------------------------------------------------------

SAID = "The articles disagree: 9 (Outlet 0, 2024-05-01) [1], 11 (Outlet 1, 2024-06-01) [2]; "


@pytest.fixture
def mine(folder):
    write(
        folder,
        ("2024-05-01", "Greymoor", "Nine miners died in the Greymoor mine."),
        ("2024-06-01", "Greymoor", "Eleven miners died in the Greymoor mine."),
    )
    return folder


def test_it_is_said_in_one_line_with_links_to_both_sentences(mine):
    answer = asked(mine, MINE, ("Nine", "Eleven"))
    assert answer.disagreements[0].summary() == f"{SAID}the later one says 11."
    html = render.answer(answer)
    line = html[html.index('class="disagreement"') :].split("</p>")[0]
    assert line.count('class="cite"') == 2
    assert all(render.link(citation) in line for citation in answer.citations)


def test_the_claims_of_one_day_are_told_apart_by_their_times():
    claims = (
        ReportedValue(2, "9", "Tass", "2024-05-01T08:00:00Z"),
        ReportedValue(1, "11", "Tass", "2024-05-01T09:00:00Z"),
    )
    assert "T08:00:00Z" in Disagreement(claims, 1).summary()


def test_what_an_article_says_is_escaped_on_the_page(folder):
    write(folder, *CHAIRS[:2])
    folder.write(
        "0.md",
        "---\ntitle: Council\nsource: <img src=x>[9](http://x)\npublished: 2023-06-01\n---\n\n"
        f"{CHAIRS[0][2]}\n",
    )
    answer = asked(folder, "Who chairs the Harbour Council?", NAMES)
    assert answer.disagreements
    html = render.answer(answer)
    assert "<img" not in html
    assert 'href="http' not in html


def test_programs_get_it_as_json(mine):
    answer = asked(mine, MINE, ("Nine", "Eleven"))
    (found,) = json.loads(json.dumps(answer.to_dict()))["disagreements"]
    assert [claim["value"] for claim in found["claims"]] == ["9", "11"]
    assert found["latest"] in {citation.number for citation in answer.citations}


def test_the_command_says_it_below_the_answer(folder, capsys):
    write(
        folder,
        ("2023-06-01", "Chair", "Ann Berg chairs the Harbour Council. She was elected in March."),
        ("2024-07-01", "Chair 2", "Bo Lind chairs the Harbour Council. He took office in July."),
        ("2024-05-01", "Collapse at Greymoor", "A shaft of the Greymoor mine fell on Monday."),
        ("2024-06-01", "Whale", "A fisherman saw a whale behind the church, he told the paper."),
    )
    command = ["--corpus", str(folder.root)]
    main([*command, "sync"], standalone_mode=False)
    main([*command, "ask", "Who currently chairs the Harbour Council?"], standalone_mode=False)
    shown = capsys.readouterr().out
    assert "The articles disagree: Ann Berg (" in shown
    assert "the later one says Bo Lind." in shown
    assert "The newest of the articles that answer comes first." in shown


def test_prose_carries_the_same_disagreement_and_both_sources(mine):
    with LLMServer() as service:
        service.says("Eleven miners died in the Greymoor mine. [1]")
        chosen = {"llm": "openai-like", "llm_model": "scripted", "llm_url": service.url}
        with mine.open(reader=Pointer(("Eleven", "Nine")), **chosen) as assistant:
            assistant.sync()
            answer = assistant.ask(MINE)
        prompt = service.requests[-1].body["messages"][-1]["content"]
    assert answer.generation is not None
    assert values(answer) == [["9", "11"]]
    cited = {citation.number: citation for citation in answer.citations}
    for claim in answer.disagreements[0].claims:
        assert cited[claim.number].published == claim.published
        assert f"Date: {claim.published}" in prompt


def test_asked_for_the_latest_a_language_model_reads_the_newest_first(mine):
    with LLMServer() as service:
        service.says("Eleven miners died. [1]")
        chosen = {"llm": "openai-like", "llm_model": "scripted", "llm_url": service.url}
        with mine.open(reader=Pointer(("Nine", "Eleven")), **chosen) as assistant:
            assistant.sync()
            answer = assistant.ask("What is the latest number of miners who died in Greymoor?")
        prompt = service.requests[-1].body["messages"][-1]["content"]
    assert answer.newest_first
    assert prompt.index("2024-06-01") < prompt.index("2024-05-01")

"""Copies: republished articles are found, said, and counted as one source in an answer."""

import json
import random
import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from assistant.answering.reader import ReaderResult
from assistant.cli import main
from assistant.schema import Citation, Copy, Evidence, Filter
from assistant.text.sentences import sentences_of
from assistant.web import html as render

LEAD = "The bridge over the river Elm was closed on Monday after a crack was found in a pillar."
REPAIRS = (
    "Repairs of the bridge will take nine weeks and cost four million crowns, the minister said."
)
FERRY = "Lorries are sent over the ferry at Holm, which carries eighty of them a day."
MAYOR = "The mayor of Elmstad, Ann Berg, called the closure a disaster for the shops of the town."
TRAINS = "A spokesman of the railway said that trains cross the Elm further north and are on time."
WIRE = "\n\n".join((LEAD, REPAIRS, FERRY, MAYOR, TRAINS))
AGENCY = "ELMSTAD (Wire) - This report was first published by Wire."
SHOPS = "Three shopkeepers told the Daily Post that the bridge should never have been built there."
FAIR = """The autumn fair of Elmstad opens on Friday with forty stalls and a merry-go-round.

Baker Jon Lund brings two thousand rolls, and the brass band of Holm plays at noon.

Last year nine thousand people came, the most since the fair was founded."""
SAME_EVENT = """Engineers closed the crossing at Elmstad on Monday: one of its pillars has a crack.

According to the ministry, the work is going to last until the middle of July.

Ann Berg, who governs the town, fears for its merchants; the railway is not concerned."""


def article(text, title="Bridge closed", source="Wire", published="2024-05-01"):
    facts = {"title": title, "source": source, "published": published}
    lines = [f"{key}: {value}" for key, value in facts.items() if value]
    return "\n".join(["---", *lines, "---", "", text, ""])


def ids(copies):
    return sorted(copy.article_id for copy in copies)


@dataclass
class SentencesWith:
    """A reader to whom the sentences with a word are evidence, in the order of the candidates."""

    word: str
    best: str = ""
    confidence: float = 0.9

    def read(self, query, candidates):
        found = []
        for scored in candidates:
            passage = scored.passage
            for start, end in sentences_of(passage):
                text = passage.text[start - passage.start : end - passage.start]
                if self.word in text:
                    sure = 0.95 if self.best and self.best in text else 0.9
                    found.append(Evidence(passage, start, end, text, sure))
        found.sort(key=lambda one: -one.probability)
        return ReaderResult(tuple(found), self.confidence if found else 0.0)


def exchanged(text, every):
    """The text with each so-manieth word exchanged."""
    words = text.split(" ")
    return " ".join("indeed" if i % every == every - 1 else w for i, w in enumerate(words))


# ---- finding -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reprint",
    [
        WIRE,
        f"{AGENCY}\n\n{WIRE}",
        "\n\n".join((LEAD, REPAIRS, FERRY)),
        "\n\n".join((FERRY, MAYOR, TRAINS)),
        exchanged(WIRE, 14),
        "\n\n".join((LEAD, REPAIRS, SHOPS, FERRY, MAYOR, TRAINS)),
        "\n\n".join((SHOPS, REPAIRS, FERRY, MAYOR, TRAINS)),
        f"{FAIR}\n\n{WIRE}\n\n{SHOPS}",
        WIRE.upper(),
        WIRE.replace("\n\n", "  \n\n\n").replace(",", " ,"),
    ],
    ids="same agency cut-at-the-end cut-at-the-head edited insertion new-lead in-a-longer upper "
    "spaced".split(),
)
def test_a_reprint_is_a_copy_of_its_original_and_the_other_way_round(folder, reprint):
    folder.write("wire.md", article(WIRE))
    folder.write("fair.md", article(FAIR, "The fair", "Holm News"))
    folder.write("post.md", article(reprint, "A town cut off", "Daily Post", "2024-05-02"))
    with folder.open() as assistant:
        assistant.sync()
        assert "post.md" in ids(assistant.copies("wire.md"))
        assert "wire.md" in ids(assistant.copies("post.md"))
        [copy] = [c for c in assistant.copies("wire.md") if c.article_id == "post.md"]
        assert 0.75 <= copy.similarity <= 1
        assert (copy.title, copy.source, copy.published) == (
            "A town cut off",
            "Daily Post",
            "2024-05-02",
        )


@pytest.mark.parametrize(
    "one, other",
    [
        (WIRE, SAME_EVENT),
        (WIRE, FAIR),
        (f"{FAIR}\n\n{AGENCY}", f"{WIRE}\n\n{AGENCY}"),
        (WIRE, REPAIRS),
        (WIRE, "Repairs delayed"),
        ("Bridge closed", "Bridge open"),
        ("!!! 5", "!!! 6"),
    ],
    ids="same-event another same-agency-line one-sentence-of-it two-words two-twice figures".split(),
)
def test_different_articles_are_no_copies(folder, one, other):
    folder.write("one.md", article(one))
    folder.write("other.md", article(other, "Another", "Holm News"))
    with folder.open() as assistant:
        assistant.sync()
        assert assistant.copies("one.md") == assistant.copies("other.md") == ()
        assert [found.copies for found in assistant.articles()] == [0, 0]


@pytest.mark.parametrize(
    "text, other",
    [
        (
            "橋は月曜日に閉鎖された。柱にひびが見つかったためである。大臣は修理に九週間かかると述べた。"
            "トラックはホルムのフェリーで運ばれる。町長は商店にとって大きな打撃だと語った。",
            "秋の市は金曜日に始まる。四十の店が並び、昼には楽隊が演奏する。昨年は九千人が訪れ、"
            "市が始まって以来もっとも多かった。",
        ),
        (
            "大桥周一关闭，因为工程师在桥墩上发现裂缝。部长说修复需要九周，耗资四百万克朗。"
            "卡车改由渡轮运送。市长称关闭对商店是一场灾难。铁路发言人说列车不受影响。",
            "秋季集市周五开幕，共有四十个摊位。乐队中午演出。去年有九千人参加，创下最高纪录。",
        ),
        (
            "สะพานข้ามแม่น้ำถูกปิดเมื่อวันจันทร์หลังพบรอยร้าวที่เสา รัฐมนตรีกล่าวว่าการซ่อมจะใช้เวลาเก้าสัปดาห์",
            "งานประจำปีของเมืองเปิดวันศุกร์ มีร้านค้าสี่สิบร้านและวงดนตรีเล่นตอนเที่ยง",
        ),
        (
            "Мост через реку закрыли в понедельник: в опоре нашли трещину. Министр сказал, что ремонт "
            "займёт девять недель и обойдётся в четыре миллиона. Грузовики идут через паром. Мэр города "
            "назвала закрытие бедой для магазинов и для всех жителей, которым теперь придётся ездить в "
            "соседний город через Хольм, где паром перевозит не больше восьмидесяти машин в день.",
            "Осенняя ярмарка открывается в пятницу. Сорок лавок и оркестр в полдень, а в прошлом году "
            "пришли девять тысяч человек, больше всего за всё время её существования.",
        ),
        (
            "पुल सोमवार को बंद कर दिया गया क्योंकि खंभे में दरार मिली। मंत्री ने कहा कि मरम्मत में नौ सप्ताह लगेंगे। "
            "ट्रक नौका से भेजे जाते हैं। महापौर ने इसे दुकानों के लिए आपदा कहा। रेलवे के प्रवक्ता ने कहा कि ट्रेनें समय पर हैं।",
            "मेला शुक्रवार को चालीस दुकानों के साथ खुलता है और दोपहर में बैंड बजता है।",
        ),
    ],
    ids="Japanese Chinese Thai Russian Hindi".split(),
)
def test_copies_are_found_in_any_script(folder, text, other):
    folder.write("one.md", article(text))
    folder.write("cut.md", article(text[: 3 * len(text) // 4], "Another headline", "Post"))
    folder.write("other.md", article(other, "Other", "Post"))
    with folder.open() as assistant:
        assistant.sync()
        assert ids(assistant.copies("one.md")) == ["cut.md"]
        assert assistant.copies("other.md") == ()


def test_texts_too_short_or_too_long_to_be_usual_are_compared_too(folder):
    draw = random.Random(1)
    long = " ".join(f"word{draw.randrange(50_000)}" for _ in range(60_000))
    folder.write("long.txt", long)
    folder.write("long-2.txt", long[: len(long) // 2])
    folder.write("unbroken.txt", "x" * 200_000)
    folder.write("two.txt", "Bridge closed")
    folder.write("two-2.txt", "bridge CLOSED!")
    with folder.open() as assistant:
        assistant.sync()
        assert ids(assistant.copies("long.txt")) == ["long-2.txt"]
        assert ids(assistant.copies("two.txt")) == ["two-2.txt"]
        assert assistant.copies("unbroken.txt") == ()


def test_of_a_text_published_seventy_times_none_is_lost(folder):
    for number in range(70):
        folder.write(f"{number}.md", article(WIRE, f"Title {number}", f"Outlet {number}"))
    with folder.open(threshold=0.0, reader=SentencesWith("nine weeks")) as assistant:
        assistant.sync()
        assert all(found.copies >= 49 for found in assistant.articles())
        answer = assistant.ask("How long will the repairs of the bridge take?")
        assert len(answer.citations) == 1
        assert answer.citations[0].also


# ---- what the index keeps ----------------------------------------------------------------------


@pytest.fixture
def republished(folder):
    """A wire report, its reprint of the day after with a lead of its own, and another article."""
    folder.write("wire.md", article(WIRE))
    reprint = f"{SHOPS}\n\n{WIRE}"
    folder.write("post.md", article(reprint, "A town cut off", "Daily Post", "2024-05-02"))
    folder.write("fair.md", article(FAIR, "The fair", "Holm News", "2024-05-03"))
    with folder.open(threshold=0.0, reader=SentencesWith("nine weeks")) as assistant:
        assistant.sync()
        yield assistant


def test_two_files_of_the_same_content_are_two_articles_that_know_of_each_other(folder):
    for name in ("a.md", "b.md"):
        folder.write(name, article(WIRE))
    with folder.open() as assistant:
        plan = assistant.sync()
        assert plan.summary() == "2 new"
        assert plan.likenesses == ["b.md: nearly the same as a.md"]
        assert [found.copies for found in assistant.articles()] == [1, 1]
        assert assistant.plan().empty


def test_links_follow_what_becomes_of_the_articles(republished, folder):
    (folder.root / "post.md").rename(folder.root / "moved.md")
    republished.sync()
    assert ids(republished.copies("wire.md")) == ["moved.md"]
    folder.write("wire.md", article(WIRE.replace("nine", "ten")))
    plan = republished.sync()
    assert [c.kind for c in plan.changes if c.path == "wire.md"] == ["changed"]
    assert ids(republished.copies("moved.md")) == ["wire.md"]
    folder.write("wire.md", article(FAIR + "\n\n" + TRAINS))
    republished.sync()
    assert republished.copies("moved.md") == ()
    assert ids(republished.copies("wire.md")) == ["fair.md"]
    republished.remove("fair.md")
    assert republished.copies("wire.md") == ()


def test_another_cutting_of_the_passages_keeps_the_links(republished, folder):
    republished.close()
    with folder.open(passage_words=60) as assistant:
        assert ids(assistant.copies("wire.md")) == ["post.md"]
        assert {c.kind for c in assistant.sync().changes} == {"changed"}
        assert ids(assistant.copies("wire.md")) == ["post.md"]


def test_an_index_of_format_1_learns_of_its_copies_at_the_next_sync(folder):
    for name in ("wire.md", "post.md"):
        folder.write(name, b"\x00")  # cannot be read: what is indexed stays as it is
    data = folder.root / ".assistant"
    data.mkdir()
    with sqlite3.connect(data / "store.sqlite3") as old:
        old.executescript((Path(__file__).parent / "format_1.sql").read_text())
        old.execute("INSERT INTO meta VALUES ('schema', '1'), ('generation', '7')")
        for name in ("wire.md", "post.md"):
            facts = (name, name, name, WIRE, "[]", 9, "old", "2/150/words-1024", "old", "")
            old.execute(
                """INSERT INTO articles (id, path, title, text, authors, words, digest, recipe,
                                         stamp, origin) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
                facts,
            )
    old.close()
    with folder.open() as assistant:
        assert assistant.copies("wire.md") == ()
        assert len(assistant.sync().failures) == 2
        assert ids(assistant.copies("wire.md")) == ["post.md"]
        folder.write("wire.md", article(FAIR))
        folder.write("post.md", article(f"{SHOPS}\n\n{FAIR}", "Fair", "Daily Post"))
        assert {change.kind for change in assistant.sync().changes} == {"changed"}
        assert ids(assistant.copies("wire.md")) == ["post.md"]


def test_what_was_indexed_and_not_yet_compared_is_compared_at_the_next_sync(republished, folder):
    republished.close()
    with sqlite3.connect(folder.root / ".assistant" / "store.sqlite3") as store:
        store.executescript("""INSERT INTO uncompared SELECT number FROM articles;
                                DELETE FROM buckets; DELETE FROM copies;""")
    store.close()
    seen = []
    with folder.open() as assistant:
        assert assistant.sync(progress=seen.append).empty
        assert ids(assistant.copies("wire.md")) == ["post.md"]
    assert [(step.done, step.total) for step in seen] == [(3, 3)]


# ---- what is said ------------------------------------------------------------------------------


def test_adding_a_near_copy_adds_it_and_says_so(republished, folder, tmp_path):
    extra = tmp_path / "gazette.md"
    extra.write_text(article(exchanged(WIRE, 14), "Elm bridge shut", "Gazette", "2024-05-04"))
    plan = republished.add([extra])
    [change] = plan.changes
    assert change.kind == "new"
    assert ids(change.copies) == ["post.md", "wire.md"]
    [line] = plan.likenesses
    assert line.startswith("gazette.md: nearly the same as ")
    assert republished.add([extra]).likenesses == []
    pasted = republished.add_text(WIRE, title="Pasted")
    assert {"wire.md", "post.md", "gazette.md"} == set(ids(pasted.copies))
    corrected = republished.add_text(FAIR.replace("forty", "fifty"), title="Fair")
    assert ids(corrected.copies) == ["fair.md"]


def command(folder, *arguments):
    return CliRunner().invoke(main, ["--corpus", str(folder.root), *arguments])


def test_the_commands_say_what_is_a_copy_of_what(republished, folder, tmp_path):
    extra = tmp_path / "gazette.md"
    extra.write_text(article(WIRE, "Elm bridge shut", "Gazette", "2024-05-04"))
    added = json.loads(command(folder, "add", "--json", str(extra)).stdout)
    assert sorted(added["changes"][0]["copy_of"]) == ["post.md", "wire.md"]
    folder.write("again.md", article(WIRE, "Once more"))
    synced = command(folder, "sync").stdout
    assert re.search(r"^copy +again\.md: nearly the same as ", synced, re.MULTILINE)
    assert "copy " not in command(folder, "sync").stdout
    listed = command(folder, "list").stdout
    assert re.search(r"wire\.md  Bridge closed  \(copies: 3\)$", listed, re.MULTILINE)
    assert re.search(r"fair\.md  The fair$", listed, re.MULTILINE)
    listed = json.loads(command(folder, "list", "--json").stdout)
    assert {found["id"]: found["copies"] for found in listed}["wire.md"] == 3
    asked = command(folder, "ask", QUESTION).stdout
    assert "also published by" in asked
    shown = command(folder, "show", "wire.md").stdout
    assert "nearly the same: post.md (Daily Post, 2024-05-02)" in shown
    assert "nearly the same" not in command(folder, "show", "fair.md").stdout
    shown = json.loads(command(folder, "show", "wire.md", "--json").stdout)
    assert {"post.md", "gazette.md", "again.md"} == {c["article_id"] for c in shown["copies"]}


HOSTILE = '<img src=x onerror="alert(1)"> & Söhne, **Post** [x](javascript:1)'


def test_the_card_of_a_source_names_the_copies_letter_by_letter():
    copies = (
        Copy('a"b<c>.md', "T", HOSTILE, None, None, 0.9),
        Copy("d.md", "<b>Only a title</b>", None, None, None, 0.8),
    )
    citation = Citation(
        1, "x.md", "Title", "Wire", None, None, 0, 5, "Quote", 0, "Quote", None, copies
    )
    card = render.card([citation])
    assert "Also published by" in card
    assert card.count("<a ") == 3
    for forbidden in ("<img", "<b>Only", "**", "[x]", '"a"b'):
        assert forbidden not in card
    assert "Söhne" in card
    alone = render.card([Citation(1, "x.md", "T", None, None, None, 0, 5, "Quote", 0, "Quote")])
    assert "Also published" not in alone


# ---- one source in an answer -------------------------------------------------------------------

QUESTION = "How long will the repairs of the bridge take?"


def quoted(answer):
    return [(c.article_id, c.also_published_by) for c in answer.citations]


@pytest.mark.parametrize(
    "wire, post, expected",
    [
        ("2024-05-01", "2024-05-02", [("wire.md", "Daily Post")]),
        ("2024-05-02", "2024-05-01", [("post.md", "Wire")]),
        ("", "2024-05-02", [("post.md", "Wire")]),
        ("2024-05-02T10:00:00", "", [("wire.md", "Daily Post")]),
    ],
)
def test_of_copies_the_one_published_first_is_quoted(folder, wire, post, expected):
    folder.write("wire.md", article(f"{FAIR}\n\n{WIRE}", published=wire))
    folder.write("post.md", article(WIRE, "A town cut off", "Daily Post", post))
    with folder.open(threshold=0.0, reader=SentencesWith("nine weeks")) as assistant:
        assistant.sync()
        answer = assistant.ask(QUESTION)
        assert quoted(answer) == expected
        for citation in answer.citations:
            text = assistant.article(citation.article_id).text
            assert text[citation.start : citation.end] == citation.quote == REPAIRS


@pytest.mark.parametrize("published", ["", "2024-05-01"])
def test_without_different_dates_the_one_that_ranks_best_is_quoted(folder, published):
    folder.write("wire.md", article(f"{FAIR}\n\n{WIRE}", "Other matters", "Wire", published))
    folder.write("post.md", article(WIRE, "Repairs of the bridge", "Daily Post", published))
    with folder.open(threshold=0.0, reader=SentencesWith("nine weeks")) as assistant:
        assistant.sync()
        answer = assistant.ask(QUESTION)
        assert quoted(answer) == [(answer.passages[0].passage.article_id, quoted(answer)[0][1])]
        assert answer.passages[0].passage.article_id == "post.md"


def test_edited_sentences_of_a_reprint_are_not_quoted_beside_the_originals(folder):
    edited = WIRE.replace("cost four", "cost some four").replace("a disaster", "a great disaster")
    folder.write("wire.md", article(WIRE))
    folder.write("post.md", article(f"{FAIR}\n\n{edited}", "Cut off", "Daily Post", "2024-05-02"))
    folder.write("third.md", article(exchanged(WIRE, 15), "Third", "Gazette", "2024-05-03"))
    with folder.open(threshold=0.0, reader=SentencesWith("the"), answer_sentences=12) as assistant:
        assistant.sync()
        answer = assistant.ask("What of the bridge over the river Elm?")
        by_article = {(c.article_id, c.quote) for c in answer.citations}
    of_the_wire = {quote for article_id, quote in by_article if article_id == "wire.md"}
    assert of_the_wire == {LEAD, REPAIRS, FERRY, MAYOR, TRAINS}
    assert {article_id for article_id, _ in by_article} == {"wire.md", "post.md"}
    assert all(quote in FAIR for article_id, quote in by_article if article_id == "post.md")


def test_what_only_the_reprint_says_is_quoted_from_the_reprint(republished, folder):
    with folder.open(threshold=0.0, reader=SentencesWith("shopkeepers")) as assistant:
        answer = assistant.ask("What did the shopkeepers say of the bridge?")
    assert quoted(answer) == [("post.md", "")]


def test_an_article_that_must_be_quoted_is_quoted_for_what_its_copies_say_too(republished, folder):
    reader = SentencesWith("bridge", best="shopkeepers")
    with folder.open(threshold=0.0, reader=reader) as assistant:
        answer = assistant.ask("What did the shopkeepers say of the bridge?")
    assert {c.article_id for c in answer.citations} == {"post.md"}
    by_quote = {c.quote: c.also_published_by for c in answer.citations}
    assert by_quote[SHOPS] == ""
    assert by_quote[REPAIRS] == "Wire"


@pytest.mark.parametrize(
    "edit", [("nine weeks", "19 weeks"), ("will take nine weeks", "will not take nine weeks")]
)
def test_a_version_with_another_figure_or_a_no_is_not_said_to_be_the_same(folder, edit):
    folder.write("wire.md", article(WIRE.replace("nine weeks", "9 weeks")))
    later = WIRE.replace("nine weeks", "9 weeks").replace(
        edit[0].replace("nine", "9"), edit[1].replace("nine", "9")
    )
    folder.write("post.md", article(f"{FAIR}\n\n{later}", "Later", "Daily Post", "2024-05-02"))
    with folder.open(threshold=0.0, reader=SentencesWith("weeks")) as assistant:
        assistant.sync()
        assert ids(assistant.copies("wire.md")) == ["post.md"]
        answer = assistant.ask(QUESTION)
        assert all(c.also == () for c in answer.citations)


@pytest.mark.parametrize(
    "within, expected",
    [
        (Filter(), [("wire.md", "Daily Post")]),
        (Filter(sources=("Daily Post",)), [("post.md", "Wire")]),
        (Filter(since="2024-05-02"), [("post.md", "Wire")]),
        (Filter(articles=("wire.md",)), [("wire.md", "Daily Post")]),
        (Filter(sources=("Holm News",)), []),
    ],
)
def test_a_filter_that_leaves_the_original_out_answers_from_the_reprint(
    republished, within, expected
):
    assert quoted(republished.ask(QUESTION, within=within)) == expected


def test_after_the_original_is_removed_the_reprint_answers(republished):
    republished.remove("wire.md")
    assert quoted(republished.ask(QUESTION)) == [("post.md", "")]
    assert republished.copies("post.md") == ()


def test_the_nearest_passages_of_a_refusal_are_of_different_sources(republished, folder):
    reader = SentencesWith("Elmstad", confidence=0.0)
    with folder.open(reader=reader) as assistant:
        answer = assistant.ask("Who opened the bridge of the fair in Elmstad?")
    assert not answer.answered
    assert sorted(quoted(answer)) == [("fair.md", ""), ("wire.md", "Daily Post")]


def test_the_json_and_the_printed_sources_name_the_copies(republished, folder):
    shown = republished.ask(QUESTION).to_dict()
    [also] = shown["citations"][0]["also"]
    assert (also["article_id"], also["source"]) == ("post.md", "Daily Post")
    json.dumps(shown)


@dataclass
class Writes:
    """A language model that always writes the same, and keeps what it was asked."""

    words: str
    name: str = "scripted"

    def stream(self, messages):
        self.asked = str(messages)
        yield self.words


def test_a_language_model_is_given_each_text_once(republished, folder):
    model, reader = Writes("Repairs will take nine weeks. [1]"), SentencesWith("nine weeks")
    with folder.open(model=model, reader=reader, threshold=0.0) as assistant:
        answer = assistant.ask(QUESTION)
    assert answer.generation is not None
    assert quoted(answer) == [("wire.md", "Daily Post")]
    assert model.asked.count(REPAIRS) == 1


def test_a_language_model_is_given_the_article_that_is_quoted_in_its_place(republished, folder):
    model = Writes("Shopkeepers told the Daily Post that it should not have been built there. [1]")
    reader = SentencesWith("bridge", best="shopkeepers")
    with folder.open(model=model, reader=reader, threshold=0.0) as assistant:
        answer = assistant.ask("Repairs of the bridge closed: nine weeks and four million crowns?")
    assert {c.article_id for c in answer.citations} == {"post.md"}
    assert "A town cut off" in model.asked
    assert "Bridge closed" not in model.asked


def test_an_exact_copy_is_said_to_be_there_and_the_same_file_again_is_not(folder, tmp_path):
    text = "Whale seen\n\nA whale was seen near the harbour on Tuesday by three fishermen."
    first, second = tmp_path / "wire.txt", tmp_path / "post.txt"
    for path in (first, second):
        path.write_text(text)
    with folder.open() as assistant:
        assert assistant.add([first]).likenesses == []
        assert assistant.add([first]).likenesses == []
        (line,) = assistant.add([second]).likenesses
        assert line == f"{second}: the same as wire.txt, not added again"
        assert len(assistant.articles()) == 1

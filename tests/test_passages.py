import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assistant.corpus.chunking import cut_passages
from assistant.schema import Article
from assistant.text.sentences import sentences_of, split_sentences

PIECES = st.sampled_from(
    [
        "Mr. Smith said so. ",
        "“Why?” ",
        "\r\n\r\n",
        "\n \n",
        "\u00a0",
        "😀👩\u200d🚀 ",
        "U.S. ",
        ". ",
        "…",
        "no stop at all ",
        "שלום עולם. ",
        "\u202eabc ",
        "。",
        "日本語。",
        "\t",
        "x" * 400,
        "3.5 ",
        "\u2029",
        "\ud800",
    ]
)
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=60).map("".join))
LONG_LINES = ["a" * 50_000, "word " * 10_000, "\u00a0".join(["wort"] * 9_000), "😀" * 50_000]


def sentences(text):
    return [text[start:end] for start, end in split_sentences(text)]


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.sampled_from([20, 150]))
@example(LONG_LINES[0], 150)
@example(LONG_LINES[1], 150)
@example(LONG_LINES[2], 150)
@example(LONG_LINES[3], 150)
@example("\n\n".join(["A heading and another one after it"] * 9), 20)
def test_offsets_are_exact_and_nothing_but_white_space_is_lost(text, max_words):
    passages = cut_passages(Article("id", "Title", text), max_words)
    at = 0
    for passage in passages:
        assert text[passage.start : passage.end] == passage.text
        assert not text[at : passage.start].strip()
        assert passage.text == passage.text.strip() != ""
        at = passage.end
        for start, end in sentences_of(passage):
            assert passage.start <= start < end <= passage.end
            assert end - start <= 1000
    assert not text[at:].strip()


@pytest.mark.parametrize(
    "text, expected",
    [
        ("He left. She stayed.", ["He left.", "She stayed."]),
        (
            "U.S. officials met Gen. J. Smith. He left.",
            ["U.S. officials met Gen. J. Smith.", "He left."],
        ),
        ("It is in the U.S. The talks go on.", ["It is in the U.S.", "The talks go on."]),
        ("“Go.” He went.", ["“Go.”", "He went."]),
        ("“Why?” she asked. No one knew.", ["“Why?” she asked.", "No one knew."]),
        ("It rose 3.5 percent. That is much.", ["It rose 3.5 percent.", "That is much."]),
        ("On Jan. 5 it began. No. 7 fell.", ["On Jan. 5 it began.", "No. 7 fell."]),
        ("A heading\n\nThe text", ["A heading", "The text"]),
        ("One line\nwrapped here. Next.", ["One line\nwrapped here.", "Next."]),
        ("He waited… and left. Done!", ["He waited… and left.", "Done!"]),
        ("彼は言った。「行く。」彼女は笑った。", ["彼は言った。", "「行く。」", "彼女は笑った。"]),
        ("", []),
        (" \n\n ", []),
    ],
)
def test_sentences_of_news_prose(text, expected):
    assert sentences(text) == expected


def test_passages_hold_whole_sentences_and_end_with_a_paragraph_where_they_can():
    paragraph = "One two three four five six seven eight nine ten. " * 5
    text = "\n\n".join([paragraph.strip()] * 4)
    passages = cut_passages(Article("id", "T", text), 80)
    assert [len(p.text.split()) for p in passages] == [50, 50, 50, 50]


def test_a_heading_begins_the_passage_of_its_text():
    paragraph = "One two three four five six seven eight nine ten. " * 5
    text = "\n\n".join([paragraph.strip(), "What came later", "In detail", paragraph.strip()])
    passages = cut_passages(Article("id", "T", text), 60)
    assert [passage.text.split("\n")[0][:15] for passage in passages] == [
        "One two three f",
        "What came later",
    ]


def test_the_heading_is_embedded_but_never_part_of_the_text():
    article = Article("id", "A title", "Some words.", source="Tass", published="2024-05-01")
    (passage,) = cut_passages(article, 150)
    assert passage.embedded_text == "A title — Tass, 2024-05-01\nSome words."
    assert passage.text == "Some words."

"""Correcting: a person mends what the program took for the facts of an article, in its file."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from assistant.errors import ArticleError, CorpusError
from assistant.schema import Filter

from .conftest import WordEmbedder
from .fork_server import MAIN, SMALL_STEPS, Forked
from .test_adding import html, records
from .test_cli import run

FERRY = """---
# checked by Ann
title: The fery  # a typo
kind: note
authors: [Ann Example]
published: 2024-01-02
---

The ferry sails at noon,\r
the harbour master  said.



It has two decks.
"""
BODY = FERRY.split("---\n", 2)[2]


def test_only_what_was_corrected_changes_in_a_file(folder):
    file = folder.write("ferry.md", FERRY)
    with folder.open() as assistant:
        assistant.sync()
        change = assistant.correct(
            "ferry.md",
            title="The ferry",
            source="Harbour: Gazette",
            authors=["Bo", "Cy"],
            published="3 May 2025",
            language="en",
        )
        assert (change.kind, change.article_id) == ("changed", "ferry.md")
        found = assistant.article("ferry.md")
        assert (found.title, found.source, found.authors, found.published, found.language) == (
            "The ferry",
            "Harbour: Gazette",
            ("Bo", "Cy"),
            "2025-05-03",
            "en",
        )
        written = file.read_bytes().decode()
        assert written.split("---\n", 2)[2] == BODY
        for kept in ("# checked by Ann\n", "title: The ferry  # a typo\n", "kind: note\n"):
            assert kept in written
        assert assistant.plan().empty
        assert "noon" in assistant.ask("When does the ferry sail?").text
        assert assistant.articles(within=Filter(sources=("Harbour: Gazette",)))


def test_what_is_not_named_or_says_so_already_stays(folder):
    file = folder.write("ferry.md", FERRY)
    with folder.open() as assistant:
        assistant.sync()
        before = file.read_bytes()
        assert assistant.correct("ferry.md", published="2024-01-02").kind == "unchanged"
        assert assistant.correct("ferry.md", title="The fery", url="").kind == "unchanged"
        assert file.read_bytes() == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"published": "7/5/2024"},
        {"published": "soon"},
        {"url": "ftp://x/y"},
        {"url": "x.org/y"},
        {"url": "javascript:alert(1)"},
        {"language": "English!"},
        {"url": "https://"},
    ],
)
def test_what_is_no_date_address_or_language_is_refused(folder, wrong):
    file = folder.write("ferry.md", FERRY)
    with folder.open() as assistant:
        assistant.sync()
        with pytest.raises(ArticleError) as refused:
            assistant.correct("ferry.md", title="Another", **wrong)
        assert refused.value.remedy
        assert file.read_bytes() == FERRY.encode()
        assert assistant.article("ferry.md").title == "The fery"


@pytest.mark.parametrize(
    "name, before, corrections, after",
    [
        (
            "plain text without front matter",
            "Head\n\nThe text.\r\n",
            {"source": "Tass"},
            "---\nsource: Tass\n---\n\nHead\n\nThe text.\r\n",
        ),
        (
            "a value over several lines",
            "---\ntitle: >\n  Long\n  title\n# end\nkind: x\n---\nText",
            {"title": "Short"},
            "---\ntitle: Short\n# end\nkind: x\n---\nText",
        ),
        (
            "a list",
            "---\nauthors:\n  - A\n  - B\n# end\n---\nText",
            {"authors": ["C"]},
            "---\nauthors:\n- C\n# end\n---\nText",
        ),
        (
            "a list that is taken away",
            "---\nauthors:\n  - A\nkind: x\n---\nText",
            {"authors": []},
            "---\nkind: x\n---\nText",
        ),
        (
            "in braces",
            "---\n{title: Old, kind: x}\n---\nText",
            {"title": "New"},
            "---\ntitle: New\nkind: x\n---\nText",
        ),
        ("empty", "---\n---\nText", {"title": "New"}, "---\ntitle: New\n---\nText"),
        (
            "a byte order mark",
            "\ufeff---\r\ntitle: Old\r\n---\r\nText",
            {"title": "New"},
            "\ufeff---\r\ntitle: New\r\n---\r\nText",
        ),
        (
            "other keys after a byte order mark and empty lines",
            "\ufeff\n\n---\ntitle: Old\n# c\nkind: x\n---\nText",
            {"title": "New"},
            "\ufeff\n\n---\ntitle: New\n# c\nkind: x\n---\nText",
        ),
        (
            "dashes that are indented",
            " ---\nOne.\n---\nTwo.",
            {"source": "S"},
            "---\nsource: S\n---\n\n ---\nOne.\n---\nTwo.",
        ),
        (
            "dashes that are none",
            "--- Part: one [\n---\nText of it",
            {"source": "S"},
            "---\nsource: S\n---\n\n--- Part: one [\n---\nText of it",
        ),
        (
            "signs of YAML",
            "---\ntitle: Old\n---\nText",
            {"title": "a: #b [c] 'd' --- é\n---"},
            "---\ntitle: 'a: #b [c] ''d'' --- é ---'\n---\nText",
        ),
        (
            "a key in capitals is another",
            "---\nTitle: Old\n---\nText",
            {"title": "New"},
            "---\nTitle: Old\ntitle: New\n---\nText",
        ),
    ],
)
def test_front_matter_of_all_kinds(folder, name, before, corrections, after):
    file = folder.write("a.txt", before)
    with folder.open() as assistant:
        assistant.sync()
        text = assistant.article("a.txt").text
        assistant.correct("a.txt", **corrections)
        assert file.read_bytes().decode() == after
        assert assistant.article("a.txt").text == text
        assert assistant.plan().empty


def test_a_text_that_is_not_utf8_becomes_it_and_is_kept(folder):
    letters = "Die Grüße aus Köln, sagte der Bürgermeister am Freitag, gälten den Bürgern.\n" * 5
    file = folder.write("gruss.txt", letters.encode("cp1252"))
    with folder.open() as assistant:
        assistant.sync()
        assistant.correct("gruss.txt", source="Zeitung")
        assert file.read_bytes().decode().endswith(letters.rstrip())
        [aside] = (folder.root / ".assistant" / "removed").iterdir()
        assert aside.read_bytes() == letters.encode("cp1252")


def test_a_page_becomes_markdown_and_is_set_aside(folder):
    page = html("Whale near the harbour")
    file = folder.write("web/whale.html", page)
    with folder.open() as assistant:
        assistant.sync()
        before = assistant.article("web/whale.html")
        change = assistant.correct("web/whale.html", source="Gazette")
        assert (change.path, change.article_id) == ("web/whale.md", "web/whale.md")
        found = assistant.article("web/whale.md")
        assert (found.text, found.title, found.published, found.source) == (
            before.text,
            before.title,
            before.published,
            "Gazette",
        )
        assert [a.id for a in assistant.articles()] == ["web/whale.md"]
        assert not file.exists()
        [aside] = (folder.root / ".assistant" / "removed").iterdir()
        assert aside.read_text() == page
        assert assistant.plan().empty


def test_a_date_that_is_wrong_can_be_taken_away_where_the_text_gives_one(folder):
    file = folder.write("a.txt", "Head\n\n7 May 2024\n\nThe ferry sails at noon.\n")
    with folder.open() as assistant:
        assistant.sync()
        assert assistant.details("a.txt").date_from == "text"
        assistant.correct("a.txt", published="")
        assert assistant.article("a.txt").published is None
        assert "published: unknown" in file.read_text()
        assistant.correct("a.txt", published="2024-05-08")
        assert assistant.article("a.txt").published == "2024-05-08"
        assert assistant.details("a.txt").date_from == "metadata"


def test_a_corrected_date_no_longer_rests_on_what_it_rested_on(folder):
    folder.write("a.md", "---\npublished: 2024-01-01\ndate_from: url\n---\nText")
    with folder.open() as assistant:
        assistant.sync()
        assert assistant.details("a.md").date_from == "url"
        assistant.correct("a.md", published="2024-01-02")
        assert assistant.details("a.md").date_from == "metadata"


def test_with_another_address_it_is_the_same_article(folder):
    folder.write("ferry.md", FERRY)
    folder.write("other.md", "---\nurl: https://example.org/other\n---\nThe other text.")
    embedder = WordEmbedder()
    with folder.open(embedder=embedder) as assistant:
        assistant.sync()
        embedded = len(embedder.encoded)
        change = assistant.correct("ferry.md", url="https://example.org/ferry?utm_source=x#top")
        assert change.article_id == "https://example.org/ferry"
        assert {a.id for a in assistant.articles()} == {
            "https://example.org/ferry",
            "https://example.org/other",
        }
        assert len(embedder.encoded) == embedded
        with pytest.raises(ArticleError, match=r"another article, other\.md"):
            assistant.correct("https://example.org/ferry", url="https://example.org/other")
        assert assistant.correct("https://example.org/ferry", url="").article_id == "ferry.md"
        assert assistant.plan().empty


def test_what_was_changed_since_it_was_seen_is_not_overwritten(folder):
    file = folder.write("ferry.md", FERRY)
    with folder.open() as assistant:
        assistant.sync()
        seen = assistant.details("ferry.md").version
        file.write_text(FERRY.replace("two decks", "three decks"))
        with pytest.raises(CorpusError, match="has changed since you saw it"):
            assistant.correct("ferry.md", title="The ferry", seen=seen)
        assert "three decks" in file.read_text()
        assert "fery" in file.read_text()
        details = assistant.details("ferry.md")
        assert "has changed since it was indexed" in details.problem
        assistant.correct("ferry.md", title="The ferry", seen=details.version)
        assert "three decks" in assistant.article("ferry.md").text


def test_an_article_whose_file_is_gone_or_that_is_none_is_named(folder):
    file = folder.write("ferry.md", FERRY)
    with folder.open() as assistant:
        assistant.sync()
        file.unlink()
        details = assistant.details("ferry.md")
        assert (details.version, details.article.title) == ("", "The fery")
        assert "there is no such file" in details.problem
        with pytest.raises(ArticleError, match="there is no such file"):
            assistant.correct("ferry.md", title="The ferry")
        with pytest.raises(CorpusError, match="no article has this id"):
            assistant.correct("nowhere.md", title="The ferry")


def test_details_say_where_an_article_came_from(folder, tmp_path):
    source = tmp_path / "note.txt"
    source.write_text("Head\n\nThe ferry sails at noon.")
    with folder.open() as assistant:
        assistant.add([source])
        details = assistant.details("note.txt")
        assert details.origin == str(source.resolve())
        [passage] = details.passages
        assert details.article.text[passage.start : passage.end] == passage.text


@pytest.mark.slow
def test_the_command(folder):
    folder.write("ferry.md", FERRY)
    corpus = folder.root
    run("sync", corpus=corpus)
    title = ["--title", "The ferry", "--date", ""]
    done = run("correct", "ferry.md", *title, corpus=corpus, fresh=True)
    assert done.stdout == "corrected ferry.md in ferry.md\n"
    told = json.loads(run("correct", "ferry.md", "--author", "", "--json", corpus=corpus).stdout)
    assert told == {"kind": "changed", "path": "ferry.md", "id": "ferry.md"}
    shown = json.loads(run("show", "ferry.md", "--json", corpus=corpus).stdout)
    assert (shown["title"], shown["published"], shown["authors"]) == ("The ferry", None, [])
    wrong = run("correct", "ferry.md", "--date", "soon", corpus=corpus)
    assert (wrong.returncode, wrong.stderr.count("\n")) == (1, 1)
    assert run("correct", "ferry.md", corpus=corpus).returncode == 2


# ---- the list ---------------------------------------------------------------------------------


@pytest.fixture
def library(folder):
    for name, facts, text in [
        ("a", "title: Beta\nsource: Gazette\npublished: 2024-01-01\nlanguage: en", "one two three"),
        ("b", "title: alpha\npublished: 2025-01-01T10:00:00\nlanguage: de", "one"),
        ("c", "title: Gamma\nsource: Tass", "one two"),
    ]:
        folder.write(f"{name}.md", f"---\n{facts}\n---\n{text}")
    with folder.open() as assistant:
        assistant.sync()
        yield assistant


@pytest.mark.parametrize(
    "order, reverse, ids",
    [
        ("date", False, "bac"),
        ("date", True, "abc"),
        ("title", False, "bac"),
        ("title", True, "cab"),
        ("outlet", False, "acb"),
        ("outlet", True, "cab"),
        ("words", False, "acb"),
        ("words", True, "bca"),
        ("added", False, "cba"),
        ("added", True, "abc"),
    ],
)
def test_the_list_is_ordered_and_what_is_unknown_is_last(library, order, reverse, ids):
    found = library.articles(order=order, reverse=reverse)
    assert [a.id[0] for a in found] == list(ids)


@pytest.mark.parametrize(
    "matching, within, ids",
    [
        ("", Filter(sources=("Tass",)), "c"),
        ("", Filter(languages=("de", "fr")), "b"),
        ("", Filter(since="2024-01-01", until="2024-12-31"), "a"),
        ("ALPHA", Filter(), "b"),
        ("", Filter(until="2025-01-01"), "ba"),
        ("a", Filter(sources=("Gazette", "Tass")), "ac"),
        ("%", Filter(), ""),
        ("_", Filter(), ""),
        ("\\", Filter(), ""),
        ("'", Filter(), ""),
    ],
)
def test_the_list_is_narrowed(library, matching, within, ids):
    assert [a.id[0] for a in library.articles(matching, within)] == list(ids)
    assert library.count_articles(matching, within) == len(ids)


def test_the_list_comes_in_pages(library):
    everything = library.articles()
    assert library.articles(limit=2) == everything[:2]
    assert library.articles(limit=2, offset=2) == everything[2:]
    assert library.articles(limit=2, offset=9) == []
    assert set(library.languages()) == {"de", "en"}


# ---- stopping an import -----------------------------------------------------------------------


def whales(path, count, word="herring", sentences=1):
    """A list of articles; of 700 sentences each, some twelve are written and indexed at once."""
    texts = (
        " ".join(f"Whale {n} ate {word} number {n}-{i}." for i in range(sentences))
        for n in range(count)
    )
    return records(
        path, *({"_id": str(n), "title": f"Whale {n}", "text": t} for n, t in enumerate(texts))
    )


def files_and_articles(folder, assistant):
    files = {p.relative_to(folder.root).as_posix() for p in folder.root.rglob("*.md")}
    return files, {a.path for a in assistant.articles()}


@pytest.mark.parametrize("worth, told", [(60, True), (61, False)])
def test_after_a_long_import_the_vector_index_is_filled_once_and_that_is_told(
    folder, tmp_path, monkeypatch, worth, told
):
    monkeypatch.setattr("assistant.store.chroma_follower.WORTH", worth)
    monkeypatch.setattr("assistant.corpus.ingestion.CHUNK_CHARACTERS", 500)
    seen = []
    with folder.open() as assistant:
        assistant.add([whales(tmp_path / "w.jsonl", 60)], progress=seen.append)
        units = list(dict.fromkeys(step.unit for step in seen))
        assert units == ["articles", "passages in the vector index"][: 1 + told]
        if told:
            assert [s.done for s in seen if s.unit == units[1]] == [60]
        assert assistant.ask("What did whale 7 eat?").passages[0].passage.article_id == "w/7.md"


def test_progress_counts_articles_to_the_end(folder, tmp_path):
    seen = []
    with folder.open() as assistant:
        assistant.add([whales(tmp_path / "w.jsonl", 30, sentences=700)], progress=seen.append)
    assert (seen[-1].done, seen[-1].total, seen[-1].unit) == (30, 30, "articles")
    assert [step.done for step in seen] == sorted({step.done for step in seen})
    assert len(seen) > 1


def test_a_stopped_import_keeps_what_is_indexed_and_leaves_nothing_else(folder, tmp_path):
    export = whales(tmp_path / "whales.jsonl", 40, sentences=700)
    stop = threading.Event()
    with folder.open() as assistant:
        plan = assistant.add([export], progress=lambda step: stop.set(), stop=stop)
        files, indexed = files_and_articles(folder, assistant)
        assert files == indexed == {change.path for change in plan.of("new")}
        assert 0 < len(indexed) < 40
        assert assistant.plan().empty
        again = assistant.add([export])
        assert len(again.of("new")) == 40 - len(indexed)
        assert len(again.of("unchanged")) == len(indexed)


def test_an_import_that_fails_gives_older_files_back(folder, tmp_path):
    class Tired(WordEmbedder):
        def encode(self, texts):
            if any("krill" in text for text in texts):
                raise KeyboardInterrupt
            return super().encode(texts)

    export = tmp_path / "whales.jsonl"
    with folder.open(embedder=Tired()) as assistant:
        assistant.add([whales(export, 3)])
        before = {p: p.read_bytes() for p in folder.root.rglob("*.md")}
        with pytest.raises(KeyboardInterrupt):
            assistant.add([whales(export, 5, "krill")])
        assert {p: p.read_bytes() for p in folder.root.rglob("*.md")} == before
        assert assistant.plan().empty
        assert "herring" in assistant.article("whales/0.md").text


def test_an_upload_in_the_data_folder_becomes_a_file_of_the_corpus(folder):
    upload = folder.write(".assistant/uploads/ab12/seal.txt", "The seal likes herring.")
    with folder.open() as assistant:
        assistant.add([upload])
        assert [a.path for a in assistant.articles()] == ["seal.txt"]
        assert assistant.plan().empty


def test_an_import_stopped_before_it_begins_does_nothing(folder, tmp_path):
    stop = threading.Event()
    stop.set()
    with folder.open() as assistant:
        assert assistant.add([whales(tmp_path / "w.jsonl", 3)], stop=stop).changes == ()
        assert list(folder.root.glob("**/*.md")) == []


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_ctrl_c_ends_the_command_in_a_good_state(folder, tmp_path):
    export = whales(tmp_path / "whales.jsonl", 40, sentences=90)
    code = SMALL_STEPS + MAIN  # the packaged model takes its time
    process = Forked(
        [sys.executable, "-c", code, "--corpus", folder.root, "add", str(export)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    said = ""
    while "articles" not in said:  # the bar appears with the first commit
        character = process.stderr.read(1)
        assert character, said
        said += character
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=120)
    assert process.returncode == 130, said + rest
    assert "stopped" in rest
    with folder.open() as assistant:
        files, indexed = files_and_articles(folder, assistant)
        assert files == indexed
        assert 0 < len(files) < 40

"""Adding: files of all kinds, lists, archives, pages and feeds become articles, each once."""

import io
import json
import zipfile

import docx
import pytest

from .web_server import WebServer, page

PAGE = """<html><head><title>{title} | Daily Post</title><meta property="og:title" content="{title}">
<meta property="article:published_time" content="2024-05-07T08:00:00Z">{more}</head><body><article><h1>{title}</h1>
<p>{text}</p><p>The harbour master told the council that every ship must wait outside the new pier.</p>
<p>Fishermen have asked for a second crane, and the council will decide on it before the summer.</p>
</article></body></html>"""
FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>Daily Post</title>
<item><title>One</title><link>/one</link></item><item><title>Two</title><link>/two</link></item>
</channel></rss>"""


def html(
    title, text="A whale was seen near the harbour on Tuesday morning by three fishermen.", more=""
):
    return PAGE.format(title=title, text=text, more=more)


def kinds(plan):
    return {change.path: change.kind for change in plan.changes}


@pytest.fixture
def web():
    with WebServer() as server:
        yield server


@pytest.fixture
def at_home(folder, web):
    """An assistant that may fetch from this machine."""
    with folder.open(allow_private_addresses=True) as assistant:
        yield assistant


def word_file(path, text):
    document = docx.Document()
    document.add_paragraph(text)
    document.save(path)
    return path


def records(path, *found):
    path.write_text("".join(json.dumps(one) + "\n" for one in found))
    return path


@pytest.mark.parametrize("at_once", [1, 10**6], ids=["one by one", "all at once"])
def test_a_list_is_added_alike_however_much_of_it_is_indexed_at_once(
    folder, tmp_path, monkeypatch, at_once
):
    monkeypatch.setattr("assistant.corpus.ingestion.CHUNK_CHARACTERS", at_once)
    seen, again, new, other = "Seen once.", "Seen again.", "Seen anew.", "Seen elsewhere."
    address = "https://example.org/whale"
    with folder.open() as assistant:
        first = records(
            tmp_path / "w.jsonl",
            {"_id": "a", "title": "Whale", "text": seen},
            {"_id": "b", "title": "Whale", "text": seen},
            {"_id": "c", "title": "Whale", "text": again, "url": address},
        )
        plan = assistant.add([first])
        assert [(c.kind, c.path, bool(c.offered)) for c in plan.changes] == [
            ("new", "w/a.md", False),
            ("new", "w/c.md", False),
            ("unchanged", "w/a.md", True),
        ]
        second = records(
            tmp_path / "w.jsonl",
            {"_id": "a", "title": "Whale", "text": new},
            {"_id": "b", "title": "Whale", "text": new},
            {"_id": "d", "title": "Whale", "text": other, "url": address},
        )
        plan = assistant.add([second])
        assert [(c.kind, c.path, bool(c.offered)) for c in plan.changes] == [
            ("changed", "w/a.md", False),
            ("changed", "w/c.md", False),
            ("unchanged", "w/a.md", True),
        ]
        texts = {a.path: assistant.article(a.id).text for a in assistant.articles()}
        assert texts == {"w/a.md": new, "w/c.md": other}
        assert set(kinds(assistant.add([second])).values()) == {"unchanged"}
        assert assistant.plan().empty


def test_a_word_file_becomes_markdown_that_can_be_corrected(folder, tmp_path):
    report = word_file(tmp_path / "report.docx", "The walrus census found ninety animals.")
    with folder.open() as assistant:
        assert kinds(assistant.add([report])) == {"report.md": "new"}
        assert kinds(assistant.add([report])) == {"report.md": "unchanged"}
        written = folder.root / "report.md"
        assert "origin: report.docx" in written.read_text()
        written.write_text(written.read_text().replace("ninety", "eighty"))
        assistant.sync()
        assert "eighty" in assistant.article("report.md").text
        word_file(report, "The walrus census found seventy animals.")
        assert kinds(assistant.add([report])) == {"report.md": "changed"}


def test_of_a_list_each_record_is_an_article_and_a_bad_line_is_named(folder, tmp_path):
    rows = [
        {"_id": str(n), "title": f"Story {n}", "text": f"Whale number {n} was seen."}
        for n in (1, 2)
    ]
    export = records(tmp_path / "export.jsonl", rows[0], {"_id": "x"}, rows[1])
    with folder.open() as assistant:
        plan = assistant.add([export])
        assert [c.kind for c in plan.changes] == ["new", "new", "failed"]
        assert "export.jsonl:2" in plan.failures[0].error
        assert {a.title for a in assistant.articles()} == {"Story 1", "Story 2"}
        rows[1]["text"] = "Whale number two swam away."
        again = assistant.add([records(export, {"_id": "0", "text": "A seal."}, *rows)])
        assert sorted(c.kind for c in again.changes) == ["changed", "new", "unchanged"]
        assert len(assistant.articles()) == 3


def test_an_archive_of_all_kinds_is_unpacked(folder, tmp_path):
    inside = io.BytesIO()
    document = docx.Document()
    document.add_paragraph("The otter likes clams.")
    document.save(inside)
    with zipfile.ZipFile(tmp_path / "clips.zip", "w") as archive:
        archive.writestr("a/otter.docx", inside.getvalue())
        archive.writestr("seal.txt", "The seal likes herring.")
        archive.writestr("list.csv", "title,text\nWhale,The whale likes krill.\n")
        archive.writestr("../evil.txt", "The evil twin.")
        archive.writestr("letter.odt", b"PK")
        archive.writestr("picture.png", b"\x89PNG")
    with folder.open() as assistant:
        plan = assistant.add([tmp_path / "clips.zip"])
        texts = " ".join(assistant.article(a.id).text for a in assistant.articles())
        assert all(word in texts for word in ("clams", "herring", "krill"))
        assert any("letter.odt" in change.error for change in plan.failures)
        assert not (folder.root.parent / "evil.txt").exists()


def test_a_page_of_the_web_is_an_article_with_its_address(web, at_home, folder):
    web.at("/whale", page(html("Whale near the harbour")))
    url = f"http://127.0.0.1:{web.port}/whale"
    plan = at_home.add([url])
    assert [c.kind for c in plan.changes] == ["new"]
    [found] = at_home.articles()
    assert (found.title, found.url, found.published[:10]) == (
        "Whale near the harbour",
        url,
        "2024-05-07",
    )
    assert found.path == "whale-near-the-harbour.md"
    assert [c.kind for c in at_home.add([url]).changes] == ["unchanged"]
    web.at(
        "/whale",
        page(
            html(
                "Whale near the harbour", "The whale left on Wednesday, said all of the fishermen."
            )
        ),
    )
    assert [c.kind for c in at_home.add([url]).changes] == ["changed"]
    assert len(list(folder.root.glob("*.md"))) == 1


def test_a_page_cannot_take_the_place_of_anothers_article(web, at_home):
    web.at("/true", page(html("The true story")))
    claims = '<link rel="canonical" href="https://news.example/true">'
    web.at("/claim", page(html("Another story", more=claims)))
    at_home.add([f"http://127.0.0.1:{web.port}/claim"])
    [found] = at_home.articles()
    assert found.id == f"http://127.0.0.1:{web.port}/claim"


def test_of_a_feed_each_entry_is_an_article(web, at_home, monkeypatch):
    monkeypatch.setattr("assistant.sources.remote.polling.time.sleep", lambda seconds: None)
    web.at("/feed", page(FEED, "application/rss+xml"))
    web.at("/one", page(html("The first whale")))
    web.at("/two", page("gone", status=410))
    web.at("/robots.txt", page("", "text/plain", status=404))
    plan = at_home.add([f"http://127.0.0.1:{web.port}/feed"])
    assert [c.kind for c in plan.changes] == ["new", "failed"]
    assert "/two" in plan.failures[0].error
    assert [a.title for a in at_home.articles()] == ["The first whale"]


@pytest.mark.parametrize(
    "url, problem",
    [
        ("http://127.0.0.1:1/", "own network"),
        ("http://localhost/", "own network"),
        ("https://", "address"),
        ("http://user:pass@example.com/", "password"),
    ],
)
def test_what_may_not_be_fetched_is_named_with_the_remedy(folder, url, problem):
    with folder.open() as assistant:
        [failure] = assistant.add([url]).failures
        assert failure.error
        assert "; " in failure.error
        assert list(folder.root.glob("*.md")) == []


def test_a_page_that_is_none_leaves_nothing_behind(web, at_home, folder):
    web.at("/empty", page("<html><body></body></html>"))
    plan = at_home.add([f"http://127.0.0.1:{web.port}/empty"])
    assert [c.kind for c in plan.changes] == ["failed"]
    assert f"127.0.0.1:{web.port}/empty" in plan.failures[0].error
    assert list(folder.root.glob("*.md")) == []


def test_what_an_import_gives_back_holds_no_texts(folder, tmp_path):
    path = tmp_path / "list.jsonl"
    path.write_text("".join(f'{{"_id": "{n}", "text": "Whale {n} was seen."}}\n' for n in range(3)))
    with folder.open() as assistant:
        plan = assistant.add([path])
    assert plan.summary() == "3 new"
    assert [change.article for change in plan.changes] == [None] * 3

import pytest

from assistant.errors import ArticleError
from assistant.sources.files import parse_article, read_article
from assistant.sources.filing import pasted_file

from .conftest import BUNDLED, INTERVIEW

PAGE = """<html><head><title>Talks resume</title>
<link rel="canonical" href="https://news.example/talks?utm_source=x#top">
<meta property="article:published_time" content="2024-05-01T08:00:00Z">
<meta property="og:site_name" content="The Example"></head><body>
<nav><a href="/">Home</a><a href="/sport">Sport</a></nav>
<article><h1>Talks resume</h1><p>The ministers met in Yerevan on Tuesday after a pause of three months,
and agreed to meet again in the autumn.</p><p>They spoke about the railway, the border and the price of
gas, officials of both sides reported on Wednesday.</p></article>
<footer>Copyright, all rights reserved</footer></body></html>"""


def test_the_interview_is_found_below_the_clutter_of_its_page():
    article = read_article(BUNDLED / INTERVIEW, BUNDLED, max_bytes=1 << 20)
    assert article.title == (
        "Moscow Says Yerevan’s ‘Thoughtless Steps’ Threaten Regional Defense, Security"
    )
    assert article.text.startswith("Warns Armenia Against Leaving CSTO\n\nRussia said")
    for clutter in ("Categories", "South Caucasus News", "Listen to this article"):
        assert clutter not in article.text
    assert article.published is None


def test_every_bundled_background_note_says_what_it_is():
    for path in BUNDLED.glob("*.md"):
        article = read_article(path, BUNDLED, max_bytes=1 << 20)
        assert article.source == "Background notes"
        assert article.published
        assert 200 <= len(article.text.split()) <= 600, path.name
        assert "kind: background note" in path.read_text()


@pytest.mark.parametrize(
    "content, expected",
    [
        ("Der Präsident sprach über Zölle und die Brücke. ".encode("utf-16"), "Präsident"),
        ("Der Präsident sprach über Zölle.".encode("utf-8-sig"), "Präsident"),
        (
            "Москва заявила, что миссия Европейского союза собирает сведения о соседях. ".encode(
                "cp1251"
            )
            * 5,
            "Москва",
        ),
        (
            "Le président a déclaré que l’été était très chaud à la frontière. ".encode("cp1252")
            * 5,
            "déclaré",
        ),
        (b"old\rline\r\nends\r\n", "old\nline\nends"),
    ],
)
def test_text_in_any_encoding_is_read(content, expected):
    assert expected in parse_article(content, "a.txt").text


def test_markdown_becomes_plain_text_and_html_in_it_stays_text():
    content = b"""---
title: Notes
published: 2024-05-01
url: HTTPS://Example.org/a?id=1&utm_source=x#frag
authors: [Ann Ba, Cy De]
---
# Notes

Some *bold* [link](https://x.example) text
on two lines.

- one
- two

<script>alert(1)</script>
"""
    article = parse_article(content, "n.md")
    assert article.id == article.url == "https://example.org/a?id=1"
    assert (article.title, article.published) == ("Notes", "2024-05-01")
    assert article.authors == ("Ann Ba", "Cy De")
    assert article.text == (
        "Some bold link text on two lines.\n\n– one\n\n– two\n\n<script>alert(1)</script>"
    )


def test_a_web_page_gives_its_article_and_its_facts():
    article = parse_article(PAGE.encode(), "page.html")
    assert article.id == "https://news.example/talks"
    assert (article.title, article.source, article.published) == (
        "Talks resume",
        "The Example",
        "2024-05-01",
    )
    assert "railway" in article.text
    assert "Sport" not in article.text
    assert "Copyright" not in article.text


@pytest.mark.parametrize(
    "name, content, problem",
    [
        ("a.txt", b"", "is empty"),
        ("a.txt", b"  \n", "is empty"),
        ("a.txt", b"...", "holds no text"),
        ("a.txt", b"\x00\x01\x02", "binary"),
        ("a.txt", b"%PDF-1.7", "a PDF"),
        ("a.pdf", b"%PDF-1.7", "damaged PDF"),
        ("a.odt", b"words", "not a kind of file"),
        ("a.md", b"---\ntitle: [broken\n---\ntext", "not YAML"),
        ("a.md", b"---\ntitle: x\ntext", "not closed"),
        ("a.md", b"---\n- x\n---\ntext", "not a list of"),
        ("a.md", b"---\na: &x [1]\nb: *x\n---\ntext", "aliases"),
        ("a.md", b"---\npublished: yesterday\n---\ntext", "date"),
        ("a.md", b"---\nurl: javascript:alert(1)\n---\ntext", "url"),
        ("a.html", b"<html><body></body></html>", "no article"),
    ],
)
def test_what_cannot_be_an_article_is_named_with_its_remedy(name, content, problem):
    with pytest.raises(ArticleError, match=problem) as caught:
        parse_article(content, name)
    assert caught.value.subject == name
    assert caught.value.remedy


@pytest.mark.parametrize(
    "text",
    ["Plain words.", "# not a heading\n\n* star", "---\nodd: start\n---\n\nmore", "A\n\nB c."],
)
def test_a_pasted_text_comes_back_as_it_was(text):
    name, content = pasted_file(text, title="A: title", published="2024-05-01")
    article = parse_article(content, name)
    assert article.text == text
    assert (article.title, article.published) == ("A: title", "2024-05-01")

"""Every format that articles come in, good files and bad ones. The files are made here."""

import csv
import gzip
import io
import json
import re
import string
import struct
import subprocess
import sys
import unicodedata
import zipfile
import zlib
from datetime import date
from pathlib import PurePosixPath

import docx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.errors import ArticleError
from assistant.schema import Article
from assistant.sources.decoding import clean
from assistant.sources.files import (
    MANY,
    SUFFIXES,
    count_articles,
    parse_article,
    read_articles,
)
from assistant.sources.filing import markdown_of
from assistant.sources.metadata import (
    FiledArticle,
    Names,
    find_date,
    head_date,
    make_article,
    url_date,
)
from eval import extraction

MOST = 20 << 20
PROSE = "The ministers met in Yerevan on Tuesday and agreed to meet again in the autumn."


def read_all(path):
    """(articles, errors) of a file."""
    items = list(read_articles(path, max_bytes=MOST))
    errors = [item for item in items if isinstance(item, ArticleError)]
    assert all(error.remedy for error in errors)
    return [item for item in items if not isinstance(item, ArticleError)], errors


# ---- PDF ------------------------------------------------------------------------------------


def line(x, y, words, size=10):
    return f"BT /F1 {size} Tf {x} {y} Td ({words}) Tj ET".encode()


PICTURE = b"q 500 0 0 700 50 50 cm BI /W 1 /H 1 /BPC 8 /CS /G ID \x00 EI Q"


def pdf(*pages, info=b"", trailer=b""):
    """A PDF whose pages have these content streams."""
    out = io.BytesIO()
    places = []

    def put(body):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (len(places), body))

    out.write(b"%PDF-1.4\n")
    kids = b" ".join(b"%d 0 R" % (5 + 2 * n) for n in range(len(pages)))
    put(b"<</Type/Catalog/Pages 2 0 R>>")
    put(b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(pages), kids))
    put(b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>")
    put(b"<<%s>>" % info)
    for number, content in enumerate(pages):
        put(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents %d 0 R"
            b"/Resources<</Font<</F1 3 0 R>>>>>>" % (6 + 2 * number)
        )
        put(b"<</Length %d>>stream\n%s\nendstream" % (len(content), content))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1))
    out.write(b"".join(b"%010d 00000 n \n" % place for place in places))
    out.write(b"trailer<</Size %d/Root 1 0 R/Info 4 0 R%s>>\n" % (len(places) + 1, trailer))
    return out.getvalue() + b"startxref\n%d\n%%%%EOF" % start


LEFT = [
    "The ministers met on Tuesday in",
    "the capital, after a",
    "pause of three months, and the gov-",
    "ernment said that a well-known path",
    "across the border would be opened",
    "again, officials told the newspaper.",
]
RIGHT = [
    "They spoke about the railway, too,",
    "and about the price of gas, which",
    "had risen since spring. The well-",
    "known path is to be repaired before",
    "the winter comes, and a new bridge",
    "will be opened on a Tuesday soon.",
]


DAYS = ["Tuesday", "Wednesday", "Thursday"]


def newspaper_page(number, across):
    """Two columns below a header, written across the columns or one after the other."""
    rows = [
        (x, 700 - 12 * n, words)
        for n, pair in enumerate(zip(LEFT, RIGHT, strict=True))
        for x, words in zip((60, 320), pair, strict=True)
    ]
    if not across:
        rows.sort(key=lambda row: row[0])
    rows = [(x, y, words.replace("Tuesday", DAYS[number - 1])) for x, y, words in rows]
    head = line(60, 760, "The Harbour Gazette", 8)
    foot = line(300, 30, f"Page {number} of 3", 8)
    return b"\n".join([head, *(line(*row) for row in rows), foot])


@pytest.mark.parametrize("across", [True, False], ids=["across the columns", "by column"])
def test_columns_of_a_pdf_follow_one_another_without_headers_footers_and_hyphens(across):
    first = line(60, 730, "Ministers meet again", 20) + newspaper_page(1, across)
    content = pdf(first, newspaper_page(2, across), newspaper_page(3, across))
    article = parse_article(content, "gazette.pdf")
    assert article.title == "Ministers meet again"
    one_page = (
        "The ministers met on Tuesday in the capital, after a pause of three months, "
        "and the government said that a well-known path across the border would be opened again, "
        "officials told the newspaper. They spoke about the railway, too, and about the price of gas, "
        "which had risen since spring. The well-known path is to be repaired before the winter comes, "
        "and a new bridge will be opened on a Tuesday soon."
    )
    assert " ".join(article.text.split()) == " ".join(
        one_page.replace("Tuesday", day) for day in DAYS
    )
    assert (article.date_from, article.unread) == (None, "")


def test_paragraphs_of_a_pdf_are_kept_apart():
    rows = [
        "The ministers met in Yerevan on Tuesday and spoke of the long",
        "railway line.",
        "",
        "They agreed to meet again in the autumn, officials of both",
        "sides said.",
    ]
    page = b"\n".join(line(60, 700 - 12 * n, words) for n, words in enumerate(rows) if words)
    assert parse_article(pdf(page), "a.pdf").text == (
        "The ministers met in Yerevan on Tuesday and spoke of the long railway line.\n\n"
        "They agreed to meet again in the autumn, officials of both sides said."
    )


def test_the_cells_of_a_table_in_a_pdf_stay_in_their_row():
    rows = [
        ("Yerevan", "1,090,000"),
        ("Gyumri", "112,000"),
        ("Vanadzor", "75,000"),
        ("Kapan", "42,000"),
    ]
    page = b"\n".join(
        line(x, 700 - 14 * n, words)
        for n, row in enumerate(rows)
        for x, words in zip((60, 300), row, strict=True)
    )
    text = " ".join(parse_article(pdf(page), "a.pdf").text.split())
    assert "Gyumri 112,000 Vanadzor 75,000" in text


def test_the_date_of_a_pdf_is_the_one_in_its_text_and_never_the_files_own():
    made = b"/CreationDate(D:20200101120000Z)/ModDate(D:20210101120000Z)/Title(Report)"
    page = line(60, 700, PROSE)
    assert parse_article(pdf(page, info=made), "a.pdf").published is None
    dated = line(60, 720, "Published: Tuesday, 7 May 2024") + b"\n" + line(60, 680, PROSE)
    article = parse_article(pdf(dated, info=made), "a.pdf")
    assert (article.published, article.date_from) == ("2024-05-07", "text")


def test_a_scan_is_called_one_and_pages_without_text_are_named():
    with pytest.raises(ArticleError, match="is a scan: its 2 pages are pictures"):
        parse_article(pdf(PICTURE, PICTURE), "scan.pdf")
    article = parse_article(pdf(line(60, 700, PROSE), PICTURE, b"", PICTURE), "mixed.pdf")
    assert article.unread == "pages 2, 4 are pictures"
    assert b"unread: pages 2, 4 are pictures" in markdown_of(article)


def locked_pdf():
    secret = b"<" + b"41" * 32 + b">"
    entry = b"/Encrypt<</Filter/Standard/V 1/R 2/O%s/U%s/P -4>>/ID[<00><00>]" % (secret, secret)
    return pdf(line(60, 700, PROSE), trailer=entry)


@pytest.mark.parametrize(
    "content, problem",
    [
        (b"%PDF-1.7\n", "damaged"),
        (pdf(line(60, 700, PROSE))[:300], "damaged"),
        (locked_pdf(), "locked with a password"),
        (pdf(b""), "holds no text"),
        (pdf(*[b""] * 2001), "2,001 pages, more than 2,000"),
    ],
    ids=["empty", "cut off", "locked", "blank", "too many pages"],
)
def test_a_pdf_that_cannot_be_read_is_named_with_its_remedy(content, problem):
    with pytest.raises(ArticleError, match=problem) as caught:
        parse_article(content, "a.pdf")
    assert caught.value.subject == "a.pdf"
    assert caught.value.remedy


# ---- Word -----------------------------------------------------------------------------------

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def word(document):
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def word_with(content, **parts):
    """The Word document with some of its parts changed by functions."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for info in old.infolist():
            change = parts.get(PurePosixPath(info.filename).stem, lambda part: part)
            new.writestr(info.filename, change(old.read(info)))
    return out.getvalue()


def test_a_word_document_gives_its_text_tables_and_lists_but_not_the_dates_of_its_file():
    document = docx.Document()
    document.add_heading("Talks resume", level=0)
    document.add_paragraph("YEREVAN, May 7, 2024 /Tass/ The ministers met.")
    document.add_paragraph("railway", style="List Bullet")
    table = document.add_table(rows=1, cols=2)
    table.cell(0, 0).text, table.cell(0, 1).text = "Gyumri", "112,000"
    document.sections[0].header.paragraphs[0].text = "Confidential"
    article = parse_article(word(document), "talks.docx")
    assert article.title == "Talks resume"
    assert article.text.split("\n\n") == [
        "YEREVAN, May 7, 2024 /Tass/ The ministers met.",
        "railway",
        "Gyumri | 112,000",
    ]
    assert (article.published, article.date_from) == ("2024-05-07", "text")
    document = docx.Document()
    document.add_paragraph(PROSE)
    assert parse_article(word(document), "a.docx").published is None


def test_tracked_changes_count_as_accepted_and_content_controls_are_read():
    document = docx.Document()
    document.add_paragraph("PLACE")
    inner = (
        f'<w:p {W}><w:r><w:t xml:space="preserve">The </w:t></w:r><w:del><w:r><w:delText>old </w:delText></w:r></w:del>'
        "<w:ins><w:r><w:t>new</w:t></w:r></w:ins><w:r><w:tab/><w:t>bridge.</w:t></w:r></w:p>"
        f"<w:sdt {W}><w:sdtContent><w:p><w:r><w:t>In a control.</w:t></w:r></w:p></w:sdtContent></w:sdt>"
    )
    place = re.compile(rb"<w:p>(?:(?!</w:p>).)*PLACE.*?</w:p>", re.DOTALL)
    content = word_with(word(document), document=lambda part: place.sub(inner.encode(), part))
    assert parse_article(content, "a.docx").text == "The new\tbridge.\n\nIn a control."


def entities(part):
    return part.replace(b"<w:document", b'<!DOCTYPE x [<!ENTITY a "aaaa">]><w:document', 1)


def deep(part):
    return re.sub(
        rb"<w:body>.*", b"<w:body>" + b"<w:sdt><w:sdtContent>" * 50_000, part, flags=re.DOTALL
    )


def swollen(part):
    return part.replace(b"<w:body>", b"<w:body>" + b"<w:p/>" * 3_000_000, 1)


@pytest.mark.parametrize(
    "make, problem",
    [
        (lambda content: b"PK\x03\x04 not a zip", "damaged"),
        (
            lambda content: b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"),
            "locked with a password",
        ),
        (lambda content: b"\xd0\xcf\x11\xe0 old", "old Office document"),
        (lambda content: word_with(content, document=entities), "XML entities"),
        (lambda content: word_with(content, document=deep), "damaged Word document"),
        (lambda content: word_with(content, document=swollen), "far more than an archive"),
    ],
    ids=["no zip", "locked", "old format", "entities", "deep", "bomb"],
)
def test_a_word_document_that_cannot_be_read_is_named(make, problem):
    document = docx.Document()
    document.add_paragraph(PROSE)
    with pytest.raises(ArticleError, match=problem) as caught:
        parse_article(make(word(document)), "a.docx")
    assert caught.value.remedy


# ---- books ----------------------------------------------------------------------------------

CONTAINER = """<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="OPS/book.opf"/></rootfiles></container>"""
BOOK = """<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:opf="http://www.idpf.org/2007/opf"><metadata><dc:title>The ferry</dc:title>
<dc:creator>Ann Example</dc:creator><dc:publisher>Harbour Press</dc:publisher><dc:language>en</dc:language>
<dc:date opf:event="modification">2020-01-01</dc:date><dc:date>2019-03-04T00:00:00Z</dc:date></metadata>
<manifest><item id="n" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/>
<item id="b" href="second%20one.xhtml" media-type="application/xhtml+xml"/>
<item id="a" href="first.xhtml" media-type="application/xhtml+xml"/></manifest>
<spine><itemref idref="n"/><itemref idref="a"/><itemref idref="b"/></spine></package>"""


def epub(**extra):
    out = io.BytesIO()
    parts = {
        "META-INF/container.xml": CONTAINER,
        "OPS/book.opf": BOOK,
        "OPS/nav.xhtml": "<html><body><p>Contents</p></body></html>",
        "OPS/first.xhtml": "<html><head><title>x</title></head><body><h1>One</h1><p>The ferry <b>sails</b>.</p></body></html>",
        "OPS/second one.xhtml": "<html><body><ul><li>at noon</li></ul><script>evil()</script></body></html>",
    } | extra
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return out.getvalue()


def test_a_book_gives_its_chapters_in_order_and_its_own_facts():
    article = parse_article(epub(), "ferry.epub")
    assert article.text == "One\n\nThe ferry sails.\n\n– at noon"
    assert (article.title, article.authors, article.source) == (
        "The ferry",
        ("Ann Example",),
        "Harbour Press",
    )
    assert (article.published, article.date_from, article.language) == (
        "2019-03-04",
        "metadata",
        "en",
    )


@pytest.mark.parametrize(
    "parts, problem",
    [
        ({"META-INF/container.xml": "<container>"}, "damaged book"),
        ({"META-INF/container.xml": CONTAINER.replace("book", "other")}, "lacks its part"),
        ({"OPS/book.opf": '<!DOCTYPE x [<!ENTITY a "b">]>' + BOOK}, "XML entities"),
        ({"OPS/first.xhtml": "<div>" * 400_000 + "x", "OPS/second one.xhtml": ""}, "holds no text"),
        ({"META-INF/encryption.xml": '<x><EncryptionMethod Algorithm="aes"/></x>'}, "locked"),
    ],
    ids=["damaged", "incomplete", "entities", "deep", "locked"],
)
def test_a_book_that_cannot_be_read_is_named(parts, problem):
    with pytest.raises(ArticleError, match=problem):
        parse_article(epub(**parts), "a.epub")


# ---- rich text ------------------------------------------------------------------------------


def test_rich_text_in_any_code_page_is_read_without_its_pictures_and_addresses():
    content = (
        rb"{\rtf1\ansi\ansicpg1251{\fonttbl{\f0\fcharset204 Arial;}}{\info{\title Talks}{\creatim\yr2001}}\f0 "
        rb"\'cf\'f0\'e8\'e2\'e5\'f2, the \b bridge\b0  \u8211? open.\par "
        rb'{\field{\*\fldinst{HYPERLINK "https://evil.example"}}{\fldrslt a link}}\par '
        + b"{\\pict\\wmetafile8 "
        + b"0123456789abcdef" * 5000
        + b"}}"
    )
    article = parse_article(content, "talks.rtf")
    assert article.title == "Talks"
    assert article.text == "Привет, the bridge – open.\n\na link"
    assert article.published is None


@pytest.mark.parametrize(
    "content, problem",
    [
        (b"plain words", "not a rich text document"),
        (b"{\\rtf1 " + b"{" * 1_000_001, "nested"),
        (b"{\\rtf1 }", "holds no text"),
    ],
    ids=["no rich text", "deep", "empty"],
)
def test_rich_text_that_cannot_be_read_is_named(content, problem):
    with pytest.raises(ArticleError, match=problem):
        parse_article(content, "a.rtf")


# ---- pages ----------------------------------------------------------------------------------


def page(head="", body="", h1="Talks resume in the capital"):
    return f"""<html lang="en-GB"><head><title>{h1} | The Example</title>
<meta property="og:site_name" content="The Example"><link rel="canonical" href="/news/talks">
<meta property="og:url" content="https://news.example/news/talks?x=1">{head}</head><body><nav><a href="/">Home</a></nav>
<article><h1>{h1}</h1>{body}<p>{PROSE} They spoke about the railway and the price of gas.</p><p>A second
round of talks is planned for the autumn, officials of both sides said.</p><p>Read more: Another story</p></article>
</body></html>""".encode()


def test_a_page_gives_the_facts_of_its_article_and_not_of_its_site():
    linked = {
        "@type": "NewsArticle",
        "headline": "Talks resume in the capital",
        "datePublished": "2024-05-07T09:00:00+04:00",
    }
    head = f'<script type="application/ld+json">{json.dumps({"@graph": [linked]})}</script><meta name="author" content="Ann Example">'
    article = parse_article(page(head), "a.html")
    assert article.title == "Talks resume in the capital"
    assert article.url == "https://news.example/news/talks"
    assert (article.source, article.authors, article.language) == (
        "The Example",
        ("Ann Example",),
        "en",
    )
    assert (article.published, article.date_from) == ("2024-05-07", "metadata")
    assert article.text.startswith("The ministers met")
    assert "Read more" not in article.text


@pytest.mark.parametrize(
    "head, body, expected",
    [
        (
            '<meta property="article:published_time" content="2024-05-07T08:00:00Z">',
            "<p>May 1, 2020</p>",
            ("2024-05-07", "metadata"),
        ),
        ('<meta name="pubdate" content="November 20, 2019 13:42">', "", ("2019-11-20", "metadata")),
        (
            '<script type="application/ld+json">{"@type":"Article","a":"b"c","datePublished":"2024-05-07"}</script>',
            "",
            ("2024-05-07", "metadata"),
        ),
        (
            '<meta property="og:url" content="https://n.example/2024/05/07/talks">',
            "",
            ("2024-05-07", "url"),
        ),
        (
            '<meta property="og:url" content="https://n.example/2024/05/06/talks">'
            '<meta property="article:published_time" content="2024-05-07T02:00:00Z">',
            "",
            ("2024-05-06", "url"),
        ),
        ("", "<p>By Ann Example | May 7, 2024</p>", ("2024-05-07", "text")),
        ("", '<time datetime="2024-05-07T10:00">Tuesday</time>', ("2024-05-07", "text")),
        ("", "<p>Updated May 7, 2024</p>", (None, None)),
        (
            "",
            "<p>It was on May 7, 2024, that the long road to the capital was opened for the first time.</p>",
            (None, None),
        ),
        (
            '<meta property="article:published_time" content="0001-01-01T00:00:00Z">',
            "",
            (None, None),
        ),
    ],
)
def test_the_date_of_a_page_comes_with_what_it_rests_on(head, body, expected):
    content = page(head, body)
    if "og:url" in head:
        content = re.sub(
            rb"<link rel=.canonical.*?>|<meta property=.og:url. content=.https://news.*?>",
            b"",
            content,
        )
    article = parse_article(content, "a.html")
    assert (article.published, article.date_from) == expected


def test_a_page_whose_article_lies_in_sections_is_read_to_its_end():
    section = "".join(
        f"<p>Sentence number {n} of the section tells of the railway and the border.</p>"
        for n in range(12)
    )
    body = "".join(
        f'<div class="grid body"><div class="article__body">{section}</div></div><div class="ad"></div>'
        for _ in range(3)
    )
    text = parse_article(page(body=f'<div class="article__chunks">{body}</div>'), "a.html").text
    assert text.count("Sentence number 7") >= 3


def test_a_page_that_declares_latin_1_keeps_its_curly_quotes():
    content = (
        page(body="<p>He said \x93yes\x94 to the railway, and the crowd said the same.</p>")
        .decode()
        .encode("latin-1")
    )
    declared = content.replace(b"<head>", b'<head><meta charset="iso-8859-1">')
    assert "“yes”" in parse_article(declared, "a.html").text


@pytest.mark.parametrize(
    "content, problem",
    [
        (b"<html><body>" + b"<div>" * 400_000 + b"word " * 50, "tags"),
        (
            b"<p " + b" ".join(b"a%d=1" % n for n in range(3000)) + b">" + PROSE.encode(),
            "attributes in one tag",
        ),
        (b"<p>" + PROSE.encode() * 100_000, "characters"),
        (b"<html><body>" + b"<div>" * 100_000 + b"word " * 50, "no article"),
    ],
    ids=["many tags", "many attributes", "long", "deep"],
)
def test_a_page_made_to_choke_the_parser_is_refused(content, problem):
    with pytest.raises(ArticleError, match=problem):
        parse_article(content, "a.html")


# ---- lists ----------------------------------------------------------------------------------

RECORD = {
    "_id": "a/1",
    "title": "Talks",
    "text": PROSE,
    "source": "Gazette",
    "published": "2024-05-07",
    "url": "https://n.example/talks",
    "authors": ["Ann Ba", "Cy De"],
    "language": "en",
}


@pytest.mark.parametrize("name", ["list.jsonl", "list.jsonl.gz"])
def test_a_list_in_the_format_of_the_evaluation_is_read(tmp_path, name):
    other = {
        "id": 7,
        "body": "Only words.",
        "headline": "B",
        "date": "May 8, 2024",
        "author": "X Y, Z",
        "outlet": "Post",
    }
    content = "".join(json.dumps(record) + "\n" for record in (RECORD, other)).encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    (first, second), errors = read_all(tmp_path / name)
    assert not errors
    assert (first.path, first.id, first.origin) == ("list/a-1.md", RECORD["url"], f"{name}:1")
    assert (first.title, first.text, first.source, first.published) == (
        "Talks",
        PROSE,
        "Gazette",
        "2024-05-07",
    )
    assert (first.authors, first.language) == (("Ann Ba", "Cy De"), "en")
    assert (second.path, second.id, second.title, second.source) == (
        "list/7.md",
        "list/7.md",
        "B",
        "Post",
    )
    assert (second.published, second.authors) == ("2024-05-08", ("X Y", "Z"))


def test_a_bad_line_costs_that_line_and_is_named(tmp_path):
    lines = [
        "{",
        '["a"]',
        '{"text": ""}',
        json.dumps({"text": PROSE, "date": "soon"}),
        "",
        "[" * 100_000,
        json.dumps(RECORD),
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    (article,), errors = read_all(tmp_path / "a.jsonl")
    assert article.title == "Talks"
    assert [error.subject for error in errors] == [f"a.jsonl:{n}" for n in (1, 2, 3, 4, 6)]
    assert [error.problem.split(" (")[0] for error in errors] == [
        "is not JSON",
        "is not a JSON object",
        "holds no text",
        "its date is not one: 'soon'",
        "is not JSON",
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1251"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_table_is_read_whatever_its_delimiter_and_encoding(tmp_path, encoding, delimiter):
    words = "Москва заявила, что миссия Европейского союза собирает сведения; «о соседях».\nИ ещё | строка."
    out = io.StringIO()
    rows = csv.writer(out, delimiter=delimiter)
    rows.writerow(["ID", "Headline", "Text", "Ignored"])
    rows.writerows([[n, f"Заголовок {n}", words * 20, "x"] for n in range(3)])
    (tmp_path / "t.csv").write_bytes(out.getvalue().encode(encoding))
    articles, errors = read_all(tmp_path / "t.csv")
    assert not errors
    assert [a.title for a in articles] == [f"Заголовок {n}" for n in range(3)]
    assert articles[0].text == clean(words * 20)
    assert articles[1].origin == "t.csv:23"  # each text has twenty line ends


def test_a_field_of_a_table_may_be_huge_but_not_endless(tmp_path):
    (tmp_path / "t.csv").write_text(
        f'id,text\n1,"{"word " * 100_000}"\n2,{"x" * 3000}\n3,short words\n'
    )
    items = list(read_articles(tmp_path / "t.csv", max_bytes=2000))
    assert [str(item.subject) for item in items[:2]] == ["t.csv:2", "t.csv:3"]
    assert items[2].text == "short words"
    articles, _ = read_all(tmp_path / "t.csv")
    assert len(articles[0].text.split()) == 100_000


def test_a_table_without_a_text_column_is_refused(tmp_path):
    (tmp_path / "t.csv").write_text("id,title\n1,Talks\n")
    _, (error,) = read_all(tmp_path / "t.csv")
    assert "names no column `text`" in str(error)


def test_articles_of_a_list_without_ids_land_on_the_same_files_at_each_import(tmp_path):
    records = [{"title": "Same: title", "text": f"Words {n}."} for n in range(3)] + [
        {"text": "No title here."}
    ]
    (tmp_path / "My list.v2.jsonl").write_text("\n".join(map(json.dumps, records)))
    first, second = (read_all(tmp_path / "My list.v2.jsonl")[0] for _ in range(2))
    names = "same-title same-title-2 same-title-3 4".split()
    assert [a.path for a in first] == [f"my-list/{name}.md" for name in names]
    assert first == second


# ---- archives -------------------------------------------------------------------------------


def packed(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_an_archive_of_any_formats_is_read_and_its_bad_members_are_named(tmp_path):
    document = docx.Document()
    document.add_paragraph(PROSE)
    path = packed(
        tmp_path / "spring.zip",
        {
            "march/talks.pdf": pdf(line(60, 700, PROSE)),
            "march/talks.docx": word(document),
            "b.epub": epub(),
            "c.rtf": b"{\\rtf1 Some words.}",
            "list.jsonl": json.dumps(RECORD),
            "t.csv": "text\nWords in a table.\n",
            "page.html": page(),
            "page_files/logo.png": b"\x89PNG",
            "__MACOSX/._a.txt": b"x",
            ".hidden.txt": "x",
            "empty.txt": b"",
            "strange.xyz": b"x",
            "inner.zip": b"PK",
            "../../evil.txt": "Evil words.",
            "/abs.txt": "Evil words.",
            "C:\\evil.txt": "Evil words.",
            "bad\x07name\u202etxt.md": "Evil words.",
        },
    )
    articles, errors = read_all(path)
    names = "march-talks march-talks-2 b c a-1 2 page".split()
    assert [a.path for a in articles] == [f"spring/{name}.md" for name in names]
    assert articles[0].origin == "spring.zip:march/talks.pdf"
    assert [error.problem for error in errors] == [
        "is empty",
        "is not a kind of file that is read",
        "is an archive in an archive",
        *["has a name that leads out of the archive"] * 3,
        "has control characters in its name",
    ]
    assert all(
        error.subject.startswith("spring.zip:") and error.subject.isprintable() for error in errors
    )
    assert "Evil" not in "".join(a.text for a in articles)


def lying_zip(path):
    """An archive that says its member is small."""
    packed(path, {"a.txt": b"0" * (64 << 20)})
    content = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = content.find(mark) + place
        content[at : at + 4] = struct.pack("<I", 100)
    path.write_bytes(content)


def locked_zip(path):
    packed(path, {"a.txt": PROSE})
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.find(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "make, problem",
    [
        (
            lambda path: packed(path, {f"{n}.txt": b"0" * (32 << 20) for n in range(4)}),
            "far more than an archive",
        ),
        (lambda path: packed(path, {"a.zip": b"PK\x03\x04"}), "archive in an archive"),
        (lambda path: path.write_bytes(b"PK\x01\x02" * 200_001), "more than 200,000 files"),
        (lambda path: path.write_bytes(b"PK\x03\x04"), "is damaged"),
        (lying_zip, "is damaged"),
        (locked_zip, "locked with a password"),
        (
            lambda path: packed(path, {"list.jsonl": b'{"text": "words"}\n' * 5_000_000}),
            "far more than an archive",
        ),
        (
            lambda path: packed(path, {"a.txt": (string.ascii_letters * 500_000).encode()}),
            "has 20 MB, more than 20|far more",
        ),
    ],
    ids=["bomb", "nested", "many", "damaged", "lying", "locked", "list", "large member"],
)
def test_an_archive_that_is_a_trap_is_refused_in_words(tmp_path, make, problem):
    make(tmp_path / "a.zip")
    articles, errors = read_all(tmp_path / "a.zip")
    assert not articles
    assert re.search(problem, str(errors[0]))


@pytest.mark.parametrize("name", ["missing.zip", "folder.zip", "missing.csv"])
def test_a_file_that_is_not_there_is_an_error_and_no_crash(tmp_path, name):
    (tmp_path / "folder.zip").mkdir()
    _, (error,) = read_all(tmp_path / name)
    assert error.subject == name


def test_a_file_with_one_article_gives_one_and_says_where_it_came_from(tmp_path):
    (tmp_path / "Große Fähre.pdf").write_bytes(pdf(line(60, 700, PROSE)))
    (article,), _ = read_all(tmp_path / "Große Fähre.pdf")
    assert (article.path, article.id, article.origin) == (
        "große-fähre.md",
        "große-fähre.md",
        "Große Fähre.pdf",
    )


@given(
    st.lists(st.tuples(st.text(max_size=300), st.text(max_size=20)), max_size=8),
    st.text(max_size=200),
)
def test_names_of_files_are_safe_on_every_system_and_each_its_own(wanted, archive):
    names = Names(archive)
    paths = [names.path(*one) for one in wanted]
    assert len({path.casefold() for path in paths}) == len(paths)
    for path in paths:
        assert len(path) <= 110
        folder, name = path.split("/")
        for part in (folder, name.removesuffix(".md")):
            assert re.fullmatch(r"[^\W_][\w-]*", part)
            assert not re.fullmatch(r"con|prn|aux|nul|(com|lpt)\d", part)
        assert len(name.encode()) <= 255


def test_a_list_in_the_corpus_folder_says_what_to_do():
    for name in ("a.csv", "a.zip", "a.jsonl.gz"):
        assert name.endswith(MANY)
        with pytest.raises(ArticleError, match="may hold many articles; add it"):
            parse_article(b"text\nwords", name)
    assert not set(MANY) & set(SUFFIXES)


# ---- dates ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, expected",
    [
        ("2024-05-07T10:00:00Z", "2024-05-07"),
        ("2024/5/7", "2024-05-07"),
        ("07.05.2024", "2024-05-07"),
        ("Tue, 7 May 2024 10:00 GMT", "2024-05-07"),
        ("Nov. 19, 2019 8:03 am", "2019-11-19"),
        ("Monday, November 18th, 2019", "2019-11-18"),
        ("7 мая 2024 г.", "2024-05-07"),
        ("22 de janeiro de 2018", "2018-01-22"),
        ("1er août 2020", "2020-08-01"),
        ("3. März 2021", "2021-03-03"),
        ("2018년 10월 5일", "2018-10-05"),
        ("2018年10月5日", "2018-10-05"),
        ("07/05/2024", None),
        ("5/7/24", None),
        ("May 2024", None),
        ("2024", None),
        ("31 February 2024", None),
        ("0001-01-01", None),
        ("7 May 2999", None),
        ("12 Angry 1957", None),
        ("tel. 2024-05-07-99", None),
    ],
)
def test_a_date_is_found_where_its_order_is_certain(text, expected):
    assert find_date(text) == (expected and date.fromisoformat(expected))


@pytest.mark.parametrize(
    "url, expected",
    [
        ("https://n.example/2024/05/07/talks", "2024-05-07"),
        ("https://n.example/2019/nov/18/talks/", "2019-11-18"),
        ("https://n.example/a-2024-05-07.html", "2024-05-07"),
        ("https://n.example/talks-20240507/", "2024-05-07"),
        ("https://n.example/201911181077343476-talks", None),
        ("https://n.example/2024/05/talks", None),
        ("https://n.example/talks?d=2024-05-07", None),
        ("https://n.example/2024/13/07/", None),
        (None, None),
    ],
)
def test_a_date_in_an_address_is_found(url, expected):
    assert url_date(url) == (expected and date.fromisoformat(expected))


@pytest.mark.parametrize(
    "text, dated",
    [
        ("May 7, 2024\n\nThe ministers met.", True),
        ("YEREVAN, May 7, 2024 /Tass/ Russia said that", True),
        ("BRUSSELS, 7 May 2024 (Reuters) - The ministers met", True),
        ("May 7, 2024 — The ministers met", True),
        ("Москва, 7 мая 2024 г. /ТАСС/ Россия заявила", True),
        ("A title\n\nBy Ann Example | May 7, 2024\n\nThe ministers met.", True),
        ("Published: Tuesday, 7 May 2024, 10:00 GMT\n\nThe ministers met.", True),
        ("On May 7, 2024, the ministers met.", False),
        ("May 7, 2024, was the day on which the ministers met.", False),
        ("Last updated: May 7, 2024", False),
        ("The treaty of May 7, 2024 - a history", False),
        ("The ministers met.\n\n" * 15 + "May 7, 2024", False),
    ],
)
def test_the_head_of_a_text_gives_its_date_and_a_sentence_does_not(text, dated):
    assert (head_date(text) == date(2024, 5, 7)) is dated


def test_the_evidence_of_a_date_is_written_into_the_file_and_read_back():
    article = make_article(
        "a.md", PROSE, {"url": "https://n.example/2024/05/07/talks", "title": "T"}
    )
    assert (article.published, article.date_from) == ("2024-05-07", "url")
    content = markdown_of(article)
    assert b"date_from: url" in content
    assert parse_article(content, "a.md") == article
    corrected = content.replace(b"2024-05-07'", b"2024-05-08'")
    assert parse_article(corrected, "a.md").published == "2024-05-08"


# ---- the file of an article -----------------------------------------------------------------


def same(article, again):
    facts = ("title", "text", "url", "source", "authors", "published", "language")
    return all(getattr(article, fact) == getattr(again, fact) for fact in facts)


TRICKY = """# not a heading|* star|- item|+ item|1. one|2) two|> quote|---|===|```|~~~|    indented|\ttab|a*b*c|_em_
snake_case_word|__init__|[link](https://x.example)|![image](x)|[ref]|[ref]: https://x.example|<b>bold</b>|<https://x.example>
&amp; &#42;|AT&T|\\*|back\\|a  |\u3000indented|\u00a0x|`code`|a\\\nb|one\ntwo|# a\n# b|Title\n===|a | b\n--- | ---|– item
***|* * *|1.|-|5 * 3 = 15|:a|| a | b |\\[x\\]|!|a\n    b|\u2014 dash|12. Dezember|#hashtag|*|**|a_|"quoted" 'x'""".replace(
    "\n", "|"
).split("|")


@pytest.mark.parametrize(
    "text", [t for t in TRICKY if t.strip()] + ["\n\n".join(t for t in TRICKY if t.strip())]
)
def test_markdown_signs_of_a_text_survive_the_file(text):
    article = make_article("a.md", clean(f"Start.\n\n{text}\n\nEnd."), {"title": "T"})
    assert parse_article(markdown_of(article), "a.md").text == article.text


TEXTS = st.text(
    st.one_of(st.sampled_from("#*_`[]()<>&|\\-=+~!:.1 \n\tab–\u00a0\u3000"), st.characters()),
    max_size=120,
)


@settings(max_examples=300, deadline=None)
@given(
    TEXTS,
    st.text(max_size=40),
    st.lists(st.text(max_size=12), max_size=3),
    st.sampled_from([None, "2024-05-07", "2024-05-07T10:00:00+04:00"]),
    st.sampled_from(["", "no", "en", "null"]),
)
def test_an_article_is_read_back_from_its_file_as_it_was(text, title, authors, published, language):
    facts = {
        "title": title,
        "authors": authors,
        "published": published,
        "language": language,
        "source": title[:9],
    }
    article = make_article("a/b.md", clean(text), facts | {"origin": "list.jsonl:7", "unread": ""})
    if not any(character.isalnum() for character in article.text):
        return  # no article
    again = parse_article(markdown_of(article), "a/b.md")
    assert same(article, again)
    assert markdown_of(again) == markdown_of(article)


def test_the_file_of_an_article_reads_well():
    text = 'Prices rose 5 * 3 = 15 times at AT&T, the #1 of "all".\n\n– An item of snake_case.\n\n12. December came.'
    article = FiledArticle(
        "x", "Talks: again", text, origin="a.pdf", authors=("Ann Ba",), source="Gazette"
    )
    assert markdown_of(article).decode() == (
        "---\ntitle: 'Talks: again'\nsource: Gazette\nauthors:\n- Ann Ba\norigin: a.pdf\n---\n\n"
        + text
        + "\n"
    )
    plain = Article("x", "T", "Words.", url="https://n.example/a")
    assert markdown_of(plain) == b"---\ntitle: T\nurl: https://n.example/a\n---\n\nWords.\n"


# ---- memory ---------------------------------------------------------------------------------

MEASURE = """
import re, resource, sys
from pathlib import Path
from assistant.sources.files import read_articles
import trafilatura, docx, striprtf.striprtf

def peak():
    # Not ru_maxrss: a new process begins with the peak of the one that started it.
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

before = peak()
for item in read_articles(Path(sys.argv[1]), max_bytes=20 << 20):
    pass
print((peak() - before) >> 10, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10)
"""


def flate_bomb(*_):
    packer = zlib.compressobj(9)
    stream = b"".join(packer.compress(b" " * (1 << 20)) for _ in range(1000)) + packer.flush()
    return pdf(b"x").replace(
        b"<</Length 1>>stream\nx",
        b"<</Length %d/Filter/FlateDecode>>stream\n%s" % (len(stream), stream),
    )


def hostile_word(change):
    return word_with(word(docx.Document()), document=change)


def zipped(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize(
    "members, count",
    [
        ({"a.txt": b"The seal.", "b.md": b"The otter."}, 2),
        ({"a.jsonl": b'{"text": "one"}\n{"text": "two"}\n{"text": "three"}'}, 3),
        ({"a.csv": b"title,text\nA,one\nB,two\n", "c.txt": b"The whale."}, 3),
        ({"broken.csv": b""}, 1),
    ],
    ids="texts jsonl csv-and-text empty".split(),
)
def test_the_articles_of_an_archive_are_counted_with_those_of_its_lists(tmp_path, members, count):
    (tmp_path / "a.zip").write_bytes(zipped(members))
    assert count_articles(tmp_path / "a.zip") == count


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="measured in kilobytes as Linux does")
@pytest.mark.parametrize(
    "name, make, most",
    [
        ("a.pdf", flate_bomb, 20),
        ("pages.pdf", lambda: pdf(*[b"BT /F1 9 Tf 9 9 Td (words) Tj ET"] * 10_000), 60),
        ("a.html", lambda: b"<html><body>" + b"<div>" * 140_000 + b"word " * 50, 100),
        ("swollen.docx", lambda: hostile_word(swollen), 60),
        ("deep.docx", lambda: hostile_word(deep), 100),
        ("entities.docx", lambda: hostile_word(entities), 40),
        ("a.zip", lambda: zipped({f"{n}.txt": b"0" * (32 << 20) for n in range(4)}), 60),
        ("nested.zip", lambda: zipped({"a.zip": zipped({"a.txt": b"0" * (64 << 20)})}), 40),
        ("a.jsonl", lambda: b'{"_id": "%d", "text": "' + PROSE.encode() * 4 + b'"}\n' * 1, 100),
        (
            "b.jsonl",
            lambda: b"".join(
                b'{"_id": %d, "text": "%s"}\n' % (n, PROSE.encode() * 10) for n in range(20_000)
            ),
            60,
        ),
        ("a.csv", lambda: b"id,text\n" + b'1,"' + b"word " * 8_000_000, 100),
        ("a.jsonl.gz", lambda: gzip.compress(b"a" * (200 << 20)), 60),
        ("a.md", lambda: b"*a " * 133_000, 250),
    ],
    ids=(
        "pdf|10,000 pages|deep page|swollen word|deep word|entities|zip bomb|nested|line|list"
        "|open quote|gzip bomb|markup".split("|")
    ),
)
def test_memory_is_bounded_whatever_the_file(tmp_path, name, make, most):
    (tmp_path / name).write_bytes(make())
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path / name)],
        capture_output=True,
        text=True,
        check=True,
    )
    grown, of_reader = map(int, done.stdout.split())
    assert grown < most
    assert of_reader < 800


# ---- how extraction is measured -------------------------------------------------------------


def test_extraction_is_measured_as_the_benchmark_does(tmp_path):
    gold = "one two three four five six"
    found = extraction.overlap(gold, "one two three four five nine")
    assert (found.right, found.surplus, found.missing) == (0.5, 0.25, 0.25)
    assert extraction.overlap("a b", "a b") == extraction.Overlap(1.0, 0.0, 0.0, True)
    assert extraction.shingles("") == {}
    (tmp_path / "pages").mkdir()
    truth = {}
    for key, body in (("good", PROSE), ("bad", "Other words than the page has.")):
        head = '<meta property="article:published_time" content="2024-05-07T08:00:00Z">'
        (tmp_path / "pages" / f"{key}.html.gz").write_bytes(gzip.compress(page(head)))
        truth[key] = {"articleBody": body, "url": "https://news.example/talks"}
    (tmp_path / "ground-truth.json").write_text(json.dumps(truth))
    measured = extraction.measure(tmp_path)
    assert measured.pages == 2
    assert measured.worst[0][0] == "bad"
    assert 0 < measured.f1[0] < 1
    assert measured.f1[1] > 0
    assert (measured.titles.right, measured.dates.right) == (2, 2)
    assert not measured.failures


def test_composed_characters_are_the_same_in_titles_and_texts():
    article = make_article("a.md", PROSE, {"title": unicodedata.normalize("NFD", "Fähre")})
    assert article.title == "Fähre"

import gzip
import json
import ssl
import tracemalloc
import zlib
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from threading import Event
from urllib.parse import urlsplit

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from assistant.errors import ArticleError
from assistant.sources.files import parse_article
from assistant.sources.remote.addresses import parse_target, redirected
from assistant.sources.remote.feed import discover_feeds, is_feed, parse_feed
from assistant.sources.remote.fetch import MAX_REDIRECTS, StatusError, fetch
from assistant.sources.remote.polling import INTERVAL, Politeness, Poll, after_failure, poll
from assistant.sources.remote.transport import Network

from .web_server import Internet, WebServer, forever, head, page, redirect

PUBLIC, ELSEWHERE = "93.184.216.34", "1.1.1.1"
MB = 1 << 20


@pytest.fixture
def web():
    with WebServer() as server:
        yield server


@pytest.fixture
def internet(web):
    """The site has a public address; the intranet's is private."""
    names = {"news.example": [PUBLIC], "other.example": [ELSEWHERE], "intra.example": ["10.0.0.5"]}
    return Internet(names, {PUBLIC: web, ELSEWHERE: web, "10.0.0.5": web, "127.0.0.1": web})


@pytest.fixture
def get(internet):
    return partial(fetch, network=internet.network, max_bytes=MB, timeout=5)


def refused(get, url="http://news.example/", **options) -> ArticleError:
    with pytest.raises(ArticleError) as caught:
        get(url, **options)
    assert caught.value.remedy
    return caught.value


# ---- a page that is as it should be ---------------------------------------------------------


def test_a_page_comes_with_what_is_known_about_it(web, internet, get):
    web.at(
        "/a%20b?q=%C3%A9",
        page(
            "<html>ok",
            etag='"1"',
            last_modified="Tue, 24 Nov 2026 10:00:00 GMT",
            cache_control="public, max-age=600",
        ),
    )
    got = get("HTTP://News.Example:80/a b?q=é#part")
    assert got.final_url == "http://news.example/a%20b?q=%C3%A9"
    assert (got.content, got.content_type, got.suffix) == (b"<html>ok", "text/html", ".html")
    assert (got.etag, got.last_modified) == ('"1"', "Tue, 24 Nov 2026 10:00:00 GMT")
    assert (got.max_age, got.not_modified, got.private) == (600, False, False)
    assert (internet.resolved, internet.connected) == (["news.example"], [(PUBLIC, 80)])


def test_the_program_says_who_it_is_and_nothing_else(web, get, monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine news.example login me password secret")
    monkeypatch.setenv("HOME", str(tmp_path))
    web.at("/", redirect("/b", set_cookie="id=1; Path=/"))
    web.at("/b", page())
    get("http://news.example/")
    for request in web.requests:
        assert set(request.headers) == {"host", "user-agent", "accept", "accept-encoding"}
        assert request.headers["host"] == "news.example"
        assert request.headers["user-agent"].startswith("news-assistant/")


def test_proxies_of_the_environment_are_not_used(web, internet, get, monkeypatch):
    with WebServer() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        web.at("/", page())
        get("http://news.example/")
        assert proxy.requests == []


def test_names_in_any_script_are_asked_for_in_ascii(web, internet, get):
    internet.names["xn--bcher-kva.example"] = [PUBLIC]
    web.at("/", page())
    assert get("http://BÜCHER.example./").final_url == "http://xn--bcher-kva.example/"
    assert web.requests[0].headers["host"] == "xn--bcher-kva.example"


# ---- addresses that are not asked -----------------------------------------------------------


@pytest.mark.parametrize(
    "url, problem",
    [
        ("", "not an address"),
        ("news.example/a", "not an address"),
        ("file:///etc/passwd", "not an address"),
        ("ftp://news.example/", "not an address"),
        ("gopher://news.example/", "not an address"),
        ("data:text/html,hello", "not an address"),
        ("javascript:alert(1)", "not an address"),
        ("http://[::1", "not an address"),
        ("http://[fe80::1%25eth0]/", "not an address"),
        ("http://news.example:99999/", "not an address"),
        ("http://me:secret@news.example/", "user name"),
        ("http://news.example@127.0.0.1/", "user name"),
        ("http://news.example:0/", "port 0"),
        ("http://news.example:22/", "port 22"),
        ("http://news.example:6379/", "port 6379"),
        ("http://news.example/\r\nHost: x", "character"),
        ("http://news.example\\@127.0.0.1/", "character"),
        ("http://news.exam\u200bple/", "character"),
        ("http://news.example/" + "a" * 10_000, "10020 characters"),
        ("http:///a", "cannot exist"),
        ("http://a..example/", "cannot exist"),
        ("http://%31%32%37.0.0.1/", "cannot exist"),
        (f"http://{'a' * 64}.example/", "cannot exist"),
        ("http://2130706433/", "unusual"),
        ("http://0x7f000001/", "unusual"),
        ("http://0x7f.1/", "unusual"),
        ("http://127.1/", "unusual"),
        ("http://0177.0.0.1/", "unusual"),
        ("http://127.0.0.1.:80/", "public internet"),
        ("http://１２７。０。０。１/", "public internet"),
        ("http://127.0.0.1/", "public internet"),
        ("http://0.0.0.0/", "public internet"),
        ("http://169.254.169.254/latest/meta-data", "public internet"),
        ("http://[::]/", "public internet"),
        ("http://[::1]/", "public internet"),
        ("http://[::ffff:127.0.0.1]/", "public internet"),
        ("http://[::127.0.0.1]/", "public internet"),
        ("http://localhost/", "own network"),
        ("http://LOCALHOST./", "own network"),
        ("http://a.localhost/", "own network"),
        ("http://printer.local/", "own network"),
        ("http://metadata.google.internal/", "own network"),
        ("http://router/", "own network"),
    ],
)
def test_an_address_that_is_none_or_not_of_the_web_is_refused_unasked(internet, get, url, problem):
    error = refused(get, url)
    assert problem in error.problem
    assert len(error.subject) <= 200
    assert "secret" not in str(error)
    assert error.subject.isprintable()
    assert (internet.resolved, internet.connected) == ([], [])


@given(
    st.sampled_from(["", "http://", "https://news.example", "//", "http://["]), st.text(max_size=40)
)
def test_any_text_is_an_address_or_an_error_of_ours(start, rest):
    with suppress(ArticleError):
        assert urlsplit(parse_target(start + rest).url).scheme in ("http", "https")
    with suppress(ArticleError):
        assert redirected(parse_target("http://news.example/a"), start + rest)


PRIVATE = """
    127.0.0.1 127.255.255.254 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 192.0.2.7
    198.18.0.1 ::1 fe80::1 fc00::1 fd12:3456::1 fec0::1 2001:db8::1 ::ffff:10.0.0.1 ::127.0.0.1
    64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 2002:7f00:1:: 2002:c0a8:101::1
    2001:0:5db8:d822::80ff:fffe""".split()
NO_ADDRESS_OF_ONE = (
    "0.0.0.0 :: 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255 ff02::1 ::ffff:0.0.0.0".split()
)


@pytest.mark.parametrize("address", PRIVATE + NO_ADDRESS_OF_ONE)
@pytest.mark.parametrize("others", [[], [PUBLIC]], ids=["alone", "beside-a-public-one"])
def test_a_name_with_a_private_address_is_refused(internet, get, address, others):
    internet.names["news.example"] = [*others, address]
    error = refused(get)
    assert "is not on the public internet" in error.problem
    assert ("allow_private_addresses" in error.remedy) == (address in PRIVATE)
    assert internet.connected == []


@pytest.mark.parametrize(
    "address",
    [
        PUBLIC,
        "2606:2800:220:1::1",
        "::ffff:93.184.216.34",
        "64:ff9b::5db8:d822",
        "2002:5db8:d822::1",
    ],
)
def test_a_public_address_is_connected_to_however_it_is_written(web, internet, get, address):
    internet.names["news.example"] = [address]
    internet.sites[address] = web
    web.at("/", page())
    get("http://news.example/")
    assert internet.connected == [(address, 80)]


@pytest.mark.parametrize("address", NO_ADDRESS_OF_ONE)
def test_what_is_the_address_of_no_machine_is_never_allowed(internet, get, address):
    internet.names["news.example"] = [address]
    refused(get, allow_private=True)
    assert internet.connected == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
def test_the_own_machine_can_be_allowed_at_any_port(web, host):
    web.at("/", page())
    url = f"http://{host}:{web.port}/"
    assert fetch(url, allow_private=True, timeout=5).private
    refused(fetch, url)


# ---- names that change their minds ----------------------------------------------------------


def test_a_name_is_resolved_once_and_the_connection_goes_there(web, internet, get):
    internet.names["rebind.example"] = deque([[PUBLIC], ["127.0.0.1"]])
    web.at("/", page())
    get("http://rebind.example/")
    assert internet.resolved == ["rebind.example"]
    assert internet.connected == [(PUBLIC, 80)]
    assert web.requests[0].headers["host"] == "rebind.example"


def test_a_redirect_is_resolved_and_checked_again(web, internet, get):
    internet.names["rebind.example"] = deque([[PUBLIC], ["127.0.0.1"]])
    web.at("/", redirect("/again"))
    error = refused(get, "http://rebind.example/")
    assert "leads to http://rebind.example/again, which is not on the public" in error.problem
    assert internet.connected == [(PUBLIC, 80)]


def test_an_address_where_nobody_answers_is_passed_over(web, internet, get):
    internet.names["news.example"] = ["2606:2800:220:1::1", PUBLIC]
    web.at("/", page())
    get("http://news.example/")
    assert internet.connected == [("2606:2800:220:1::1", 80), (PUBLIC, 80)]


@pytest.mark.parametrize(
    "names, problem",
    [
        ({}, "is not found"),
        ({"news.example": []}, "is not found"),
        ({"news.example": ["8.8.8.8"]}, "cannot be reached"),
    ],
)
def test_a_site_that_is_not_there_is_said_to_be_so(internet, get, names, problem):
    internet.names = names
    assert problem in refused(get).problem


# ---- redirects ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "location, final",
    [
        ("/b", "http://news.example/b"),
        ("b?x=1#y", "http://news.example/b?x=1"),
        ("//other.example/b", "http://other.example/b"),
        ("http://other.example/b", "http://other.example/b"),
        ("/caf\u00e9", "http://news.example/caf%C3%A9"),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(web, get, location, final, status):
    web.at("/", redirect(location, status))
    for path in ("/b", "/b?x=1", "/caf%C3%A9"):
        web.at(path, page())
    assert get("http://news.example/").final_url == final


@pytest.mark.parametrize(
    "location, problem",
    [
        (None, "without saying where"),
        ("", "without saying where"),
        ("file:///etc/passwd", "which is not an address on the web"),
        ("javascript:alert(1)", "which is not an address on the web"),
        ("http://[", "is not an address on the web"),
        ("http://me:pw@other.example/", "which holds a user name"),
        ("http://other.example:8080/", "which names port 8080"),
        ("http://127.0.0.1/", "which is not on the public internet (127.0.0.1)"),
        ("http://[::ffff:10.0.0.5]/", "which is not on the public internet"),
        ("http://2130706433/", "unusual way"),
        ("http://intra.example/", "which is not on the public internet (10.0.0.5)"),
        ("http://localhost/", "own network"),
        ("http://other.example\\@127.0.0.1/", "character"),
        ("/" + "a" * 5000, "5001 characters"),
    ],
)
def test_a_redirect_that_leads_astray_is_refused(web, internet, get, location, problem):
    web.at("/", redirect(location))
    error = refused(get)
    assert problem in error.problem
    assert error.subject == "http://news.example/"
    assert len(web.requests) == 1


def test_the_web_does_not_lead_into_a_network_that_is_allowed(web, internet, get):
    web.at("/", redirect("http://intra.example/secret"))
    error = refused(get, allow_private=True)
    assert "which is on your own network" in error.problem
    web.at("/secret", page())
    assert get("http://intra.example/secret", allow_private=True).private
    web.at("/out", redirect("http://other.example/secret"))
    assert not get("http://intra.example/out", allow_private=True).private


@pytest.mark.parametrize("hops", [1, 300], ids=["in-a-circle", "300-hops"])
def test_redirects_come_to_an_end(web, get, hops):
    for hop in range(hops):
        web.at(f"/{hop}", redirect(f"/{(hop + 1) % hops}"))
    assert "more than 5 times" in refused(get, "http://news.example/0").problem
    assert len(web.requests) == MAX_REDIRECTS + 1


# ---- too slow -------------------------------------------------------------------------------


def silence(web):
    return [Event()]


def half_a_header(web):
    return [b"HTTP/1.1 200 OK\r\nX-Wait: ", Event()]


def a_header_letter_by_letter(web):
    return [b"HTTP/1.1 200 OK\r\nX-Wait: ", web.drip(b"a")]


def endless_hints(web):
    return [web.drip(b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n")]


def half_a_body(web):
    return [head(content_length="10"), b"abc", Event()]


def a_body_letter_by_letter(web):
    return [head(content_length="1000000"), web.drip(b"a")]


def chunks_that_never_end(web):
    return [head(transfer_encoding="chunked"), web.drip(b"1\r\na\r\n")]


def an_unpacked_trickle_of_nothing(web):
    empty = gzip.compress(b"")
    return [head(content_encoding="gzip"), web.drip(empty)]


def redirects_each_a_little_slow(web):
    return [b"HTTP/1.1 302 x\r\nlocation: /\r\n", web.drip(b"a: b\r\n")]


@pytest.mark.parametrize(
    "steps",
    [
        silence,
        half_a_header,
        a_header_letter_by_letter,
        endless_hints,
        half_a_body,
        a_body_letter_by_letter,
        chunks_that_never_end,
        an_unpacked_trickle_of_nothing,
        redirects_each_a_little_slow,
    ],
)
def test_one_deadline_ends_it_all(web, get, steps):
    web.at("/", *steps(web))
    error = refused(get, timeout=0.3)
    assert "takes longer than 0.3 seconds" in error.problem


def test_the_deadline_holds_for_a_handshake_too(web, get):
    # The server waits for a line, which it does not get.
    assert "takes longer" in refused(get, "https://news.example/", timeout=0.3).problem


def test_the_deadline_holds_for_the_name_server_too(get):
    answer = Event()

    def resolve(host, port):
        answer.wait(10)
        return [PUBLIC]

    error = refused(get, timeout=0.1, network=Network(resolve))
    answer.set()
    assert "takes longer than 0.1 seconds" in error.problem


# ---- too large ------------------------------------------------------------------------------


def zeros_by_gzip():
    """10 GB of zeros in 10 MB: one block that unpacks to 1 MB, again and again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    start = packer.compress(bytes(MB)) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(MB)) + packer.flush(zlib.Z_FULL_FLUSH)
    assert len(block) < 1100
    return start, (block for _ in range(10_000))


@pytest.mark.parametrize(
    "steps",
    [
        lambda: [head(), forever(bytes(4096))],
        lambda: [head(content_length=str(MB + 1)), Event()],
        lambda: [head(content_length="9" * 15), Event()],
        lambda: [head(transfer_encoding="chunked"), forever(b"1000\r\n" + bytes(4096) + b"\r\n")],
        lambda: [head(content_encoding="gzip"), *zeros_by_gzip()],
        lambda: [head(content_encoding="gzip"), forever(gzip.compress(b""))],
        lambda: [
            head(content_encoding="gzip"),
            gzip.compress(b"")[:3] + b"\x08" + bytes(6),
            forever(b"name" * 999),
        ],
    ],
    ids="endless announced announced-absurd chunked gzip-bomb gzip-of-nothing gzip-header".split(),
)
def test_the_limit_ends_it_and_little_memory_is_taken(web, get, steps):
    web.at("/", *steps())
    tracemalloc.start()
    try:
        error = refused(get)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert error.problem == "has more than 1 MB"
    assert peak < 4 * MB


def test_a_packed_page_is_unpacked(web, get):
    body = b"<html>" + b"word " * 1000
    web.at("/", page(gzip.compress(body), content_encoding="gzip"))
    assert get("http://news.example/").content == body
    halves = gzip.compress(body[:3000]) + gzip.compress(body[3000:])
    web.at("/", page(halves, content_encoding="x-gzip"))
    assert get("http://news.example/").content == body


@pytest.mark.parametrize("coding", ["br", "zstd", "deflate", "compress", "gzip, gzip", "gzip, br"])
def test_a_packing_that_was_not_asked_for_is_refused_unread(web, get, coding):
    web.at("/", head(content_encoding=coding), forever(bytes(4096)))
    assert f"is packed as {coding}" in refused(get).problem


# ---- broken answers -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "steps",
    [
        [b""],
        [b"hello\r\n\r\n"],
        [b"SSH-2.0-OpenSSH_9.6\r\n"],
        [b"HTTP/1.1 200 OK\r\n"],
        [head(content_length="10") + b"abc"],
        [head(content_length="-1") + b"abc"],
        [head(transfer_encoding="chunked") + b"zz\r\nabc"],
        [head(transfer_encoding="chunked") + b"3\r\nabcdef\r\n"],
        [head(transfer_encoding="chunked") + b"3\r\nabc\r\n"],
        [head(transfer_encoding="gzip, chunked") + b"0\r\n\r\n"],
        [head(content_encoding="gzip") + gzip.compress(b"<html>" + b"a" * 999)[:-9]],
        [head(content_encoding="gzip") + b"<html>not packed"],
        [b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 50_000 + b"\r\n"],
        [b"HTTP/1.1 200 OK\r\na: ", forever(b"a" * 999)],
    ],
)
def test_a_broken_answer_is_no_page(web, get, steps):
    web.at("/", *steps)
    error = refused(get)
    assert "gives an answer that is broken" in error.problem
    assert len(error.problem) < 200


def test_what_comes_after_the_announced_length_is_not_read(web, get):
    web.at("/", head(content_length="8") + b"<html>ab and more")
    assert get("http://news.example/").content == b"<html>ab"


# ---- what kind of content it is -------------------------------------------------------------

HTML, XML, PDF = b"<!DOCTYPE html><p>a", b'<?xml version="1.0"?><rss/>', b"%PDF-1.7 \x00"
DOCX, EPUB, ZIP = (
    b"PK\x03\x04 word/document.xml \x00",
    b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/epub+zip",
    b"PK\x03\x04 notes.txt \x00",
)
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    "content_type, path, content, suffix",
    [
        ("text/html", "/", HTML, ".html"),
        ("TEXT/HTML; Charset=utf-8", "/a.pdf", HTML, ".html"),
        ("text/html", "/", b"words without tags", ".html"),
        ("text/html", "/", PDF, ".pdf"),
        ("text/html", "/feed", XML, ".xml"),
        ("application/xhtml+xml", "/", b'<?xml version="1.0"?><html/>', ".xhtml"),
        ("application/xhtml+xml", "/", HTML, ".xhtml"),
        ("text/plain", "/", b"words", ".txt"),
        ("text/plain", "/README.md", b"# words", ".md"),
        ("text/plain", "/a.jsonl?raw=1", b"{}", ".jsonl"),
        ("text/plain", "/a.csv", b"a,b", ".csv"),
        ("text/plain", "/a.exe", b"words", ".txt"),
        ("text/plain", "/a.pdf", PDF, ".pdf"),
        ("text/markdown", "/", b"<p align=center>words", ".md"),
        ("text/csv", "/", b"a,b", ".csv"),
        ("application/x-ndjson", "/", b"{}", ".jsonl"),
        ("application/rss+xml", "/", XML, ".xml"),
        ("application/atom+xml", "/", b"<feed>", ".xml"),
        ("text/xml", "/", HTML, ".html"),
        ("application/pdf", "/", PDF, ".pdf"),
        (WORD, "/", DOCX, ".docx"),
        (WORD, "/", ZIP, ".docx"),
        ("application/epub+zip", "/", EPUB, ".epub"),
        ("application/zip", "/", DOCX, ".docx"),
        ("application/zip", "/", ZIP, ".zip"),
        ("text/rtf", "/", b"{\\rtf1 a", ".rtf"),
        (None, "/", HTML, ".html"),
        (None, "/", b"", ".txt"),
        ("nonsense", "/", b"words", ".txt"),
        ("application/octet-stream", "/", PDF, ".pdf"),
        ("application/octet-stream", "/a.md", b"# words", ".md"),
        ("application/octet-stream", "/", b"\xef\xbb\xbf<html>", ".html"),
        ("application/octet-stream", "/", "<html>".encode("utf-16"), ".html"),
        ("application/octet-stream", "/", EPUB, ".epub"),
    ],
)
def test_the_ending_fits_the_content(web, get, content_type, path, content, suffix):
    web.at(path, page(content, content_type))
    assert get(f"http://news.example{path}").suffix == suffix


@pytest.mark.parametrize(
    "content_type, content, problem",
    [
        ("image/png", b"\x89PNG\r\n", "is image/png, which is not read"),
        ("video/mp4", b"\x00\x00", "is video/mp4"),
        ("application/javascript", b"alert(1)", "is application/javascript"),
        ("application/msword", b"\xd0\xcf\x11\xe0", "is application/msword"),
        ("text/html", b"\x89PNG\r\n\x1a\n\x00", "neither text nor a document"),
        ("text/plain", b"\x7fELF\x02\x01\x01\x00", "neither text nor a document"),
        (None, b"\x00\x01\x02", "neither text nor a document"),
        ("application/pdf", HTML, "says that it is application/pdf, but is not"),
        (WORD, b"words", "but is not"),
        ("application/zip", b"Rar!\x1a\x07\x00", "neither text nor a document"),
    ],
)
def test_what_is_not_read_is_refused(web, get, content_type, content, problem):
    web.at("/", page(content, content_type))
    assert problem in refused(get).problem


RUSSIAN = "Москва заявила, что миссия собирает сведения. "


@pytest.mark.parametrize(
    "charset, content, text",
    [
        ("windows-1251", RUSSIAN.encode("cp1251"), RUSSIAN),
        ("Windows-1251", RUSSIAN.encode(), RUSSIAN),
        ("iso-8859-1", RUSSIAN.encode(), RUSSIAN),
        ("iso-8859-1", "“Zölle”".encode("cp1252"), "“Zölle”"),
        ("utf-8", RUSSIAN.encode("cp1251") * 5, RUSSIAN),
        ("windows-1251", RUSSIAN.encode("utf-8-sig"), RUSSIAN),
        ("windows-1251", RUSSIAN.encode("utf-16"), RUSSIAN),
        ("utf-16le", RUSSIAN.encode("utf-16-le"), RUSSIAN),
        ("iso-2022-jp", "日本の首相".encode("iso-2022-jp"), "日本の首相"),
        ("shift_jis", "日本の首相①".encode("cp932"), "日本の首相①"),
        ("no-such-charset", "Zölle".encode(), "Zölle"),
        ("idna", b"plain", "plain"),
        ("utf-7", b"+ADw-script+AD4-", "+ADw-script+AD4-"),
        ("hex", b"616263", "616263"),
        ("x" * 1000, b"plain", "plain"),
    ],
)
def test_the_charset_of_the_header_reaches_the_parser(web, get, charset, content, text):
    web.at("/", page(content, f"text/plain; charset={charset}"))
    got = get("http://news.example/")
    assert text.strip() in parse_article(got.utf8(), f"page{got.suffix}").text


# ---- what the site says instead -------------------------------------------------------------


@pytest.mark.parametrize(
    "status, problem",
    [
        (401, "without a subscription"),
        (402, "without a subscription"),
        (403, "not given to programs"),
        (451, "not given to programs"),
        (404, "has no page"),
        (410, "has no page"),
        (429, "left alone"),
        (500, "has trouble"),
        (503, "has trouble"),
        (204, "status 204"),
        (206, "status 206"),
        (300, "status 300"),
        (304, "status 304"),
        (418, "status 418"),
        (999, "has trouble"),
    ],
)
def test_a_status_is_told_in_words(web, get, status, problem):
    web.at("/", head(status, content_length="0"))
    error = refused(get)
    assert isinstance(error, StatusError)
    assert error.status == status
    assert problem in error.problem


@pytest.mark.parametrize(
    "value, seconds",
    [
        ("120", 120),
        (timedelta(hours=1), 3600),
        (timedelta(hours=-1), 0),
        ("soon", None),
        ("-5", None),
        ("Tue, 99 Nov 2026 99:00:00 GMT", None),
    ],
)
def test_how_long_to_wait_is_told_too(web, get, value, seconds):
    if isinstance(value, timedelta):
        value = format_datetime(datetime.now(UTC) + value)
    web.at("/", page("", status=503, retry_after=value))
    assert refused(get).retry_after == (seconds and pytest.approx(seconds, abs=60))


def test_what_has_not_changed_is_not_sent_again(web, get):
    web.at("/", page(etag='"1"'), page("", None, 304, cache_control="max-age=60"))
    first = get("http://news.example/")
    second = get("http://news.example/", etag=first.etag, modified="Tue, 24 Nov 2026 10:00:00 GMT")
    assert (second.not_modified, second.content, second.max_age) == (True, b"", 60)
    assert web.requests[1].headers["if-none-match"] == '"1"'
    assert web.requests[1].headers["if-modified-since"] == "Tue, 24 Nov 2026 10:00:00 GMT"


# ---- TLS ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


def secure_site(authority, *names, **options):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, **options).configure_cert(context)
    asked = []
    context.sni_callback = lambda _, name, __: asked.append(name)
    return WebServer(context), asked


def trusting(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def test_tls_is_checked_against_the_name_though_an_address_is_connected_to(authority):
    site, asked = secure_site(authority, "news.example")
    with site:
        site.at("/", page())
        internet = Internet(
            {"news.example": [PUBLIC]}, {PUBLIC: site}, partial(trusting, authority)
        )
        got = fetch("https://news.example/", network=internet.network)
    assert got.final_url == "https://news.example/"
    assert (asked, internet.connected) == (["news.example"], [(PUBLIC, 443)])


@pytest.mark.parametrize(
    "names, options, trusted, reason",
    [
        (["news.example"], {}, False, "local issuer"),
        (["other.example"], {}, True, "Hostname mismatch"),
        ([PUBLIC], {}, True, "Hostname mismatch"),
        (["news.example"], {"not_after": datetime.now(UTC) - timedelta(days=1)}, True, "expired"),
    ],
    ids="self-signed other-name address expired".split(),
)
def test_a_wrong_certificate_ends_it(authority, names, options, trusted, reason):
    site, _ = secure_site(authority, *names, **options)
    trust = partial(trusting, authority if trusted else trustme.CA())
    with site:
        internet = Internet({"news.example": [PUBLIC]}, {PUBLIC: site}, trust)
        error = refused(fetch, "https://news.example/", network=internet.network)
        assert site.requests == []
    assert "cannot prove that it is the site" in error.problem
    assert reason in error.problem


def test_a_site_without_tls_is_not_one_with_it(web, get):
    web.greeting = b"220 mail.example ESMTP\r\n"
    assert "no secure connection" in refused(get, "https://news.example/").problem


def test_https_does_not_lead_to_http(authority, web):
    site, _ = secure_site(authority, "news.example")
    with site:
        site.at("/", redirect("http://other.example/"))
        internet = Internet(
            {"news.example": [PUBLIC], "other.example": [ELSEWHERE]},
            {PUBLIC: site, ELSEWHERE: web},
            partial(trusting, authority),
        )
        error = refused(fetch, "https://news.example/", network=internet.network)
    assert "from https to http" in error.problem
    assert web.requests == []


# ---- feeds ----------------------------------------------------------------------------------

RSS = """<?xml version="1.0"?><rss version="2.0"><channel><title>The &amp;amp; Example</title>
<ttl>60</ttl>
<item><title>Old</title><link>/old?utm_source=rss#x</link><pubDate>Mon, 23 Nov 2026 08:00:00 +0100</pubDate></item>
<item><title>New &lt;b&gt;talks&lt;/b&gt;</title><link>https://news.example/new</link>
<pubDate>Tue, 24 Nov 2026 08:00:00 GMT</pubDate>
<description><![CDATA[<p>They met.</p><p>They <b>sp</b>oke.</p><script>alert(1)</script>]]></description></item>
<item><title>New again</title><link>https://news.example/new#comments</link><pubDate>Tue, 24 Nov 2026 08:00:00 GMT</pubDate></item>
<item><title>Not of the web</title><link>javascript:alert(1)</link></item>
<item><title>Nowhere</title></item></channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://cdn.example/a/"><title>Atom</title>
<entry><title type="text">Use &lt;b&gt; sparingly</title><link rel="edit" href="e"/><link rel="alternate" href="b?id=1"/>
<updated>2026-11-24T09:00:00Z</updated></entry>
<entry><title>Dated</title><link href="c"/><published>2026-11-20T09:00:00+02:00</published></entry></feed>"""
RDF = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>RDF</title></channel>
<item><title>One</title><link>https://news.example/1</link><dc:date>2026-11-24</dc:date></item></rdf:RDF>"""
FEED_URL = "https://news.example/feeds/all.xml"


FORMS = {
    "rss": "<rss version='2.0'><channel><title>F</title>{}</channel></rss>",
    "atom": "<feed xmlns='http://www.w3.org/2005/Atom'><title>F</title>{}</feed>",
}


def items(*links, extra=""):
    listed = "".join(
        f"<item><title>{link}</title><link>/{link}</link>{extra}</item>" for link in links
    )
    return f"<rss version='2.0'><channel><title>F</title>{listed}</channel></rss>"


def test_an_rss_feed_lists_its_articles_newest_first_and_once():
    feed = parse_feed(RSS.encode(), FEED_URL)
    assert (feed.title, feed.ttl) == ("The & Example", 3600)
    assert [(e.url, e.published) for e in feed.entries] == [
        ("https://news.example/new", "2026-11-24T08:00:00+00:00"),
        ("https://news.example/old", "2026-11-23T07:00:00+00:00"),
    ]
    new = feed.entries[0]
    assert (new.title, new.summary) == ("New talks", "They met. They spoke.")


def test_an_atom_feed_has_its_own_base_and_an_update_is_no_publication():
    feed = parse_feed(ATOM.encode(), FEED_URL)
    assert [(e.url, e.title, e.published) for e in feed.entries] == [
        ("https://cdn.example/a/b?id=1", "Use <b> sparingly", None),
        ("https://cdn.example/a/c", "Dated", "2026-11-20T07:00:00+00:00"),
    ]


def test_an_rdf_feed_has_dates_without_times():
    (entry,) = parse_feed(RDF.encode(), FEED_URL).entries
    assert (entry.title, entry.published) == ("One", "2026-11-24")


@pytest.mark.parametrize(
    "told, published",
    [
        ("Tue, 24 Nov 2026 08:30:00 EST", "2026-11-24T13:30:00+00:00"),
        ("24 Nov 2026 08:30 +0200", "2026-11-24T06:30:00+00:00"),
        ("2026-11-24T08:30:00.123+02:00", "2026-11-24T06:30:00+00:00"),
        ("2026-11-24", "2026-11-24"),
        ("Tuesday, 24-Nov-26 08:30:00 GMT", "2026-11-24T08:30:00+00:00"),
        ("yesterday", None),
        ("31 Feb 2026 08:00:00 GMT", None),
        ("24 Nov 2026 08:30:00", "2026-11-24T08:30:00"),
        ("24. November 2026, 8 Uhr", "2026-11-24"),
        ("0001-01-01T00:00:00Z", None),
        ("99999-99-99T99:99:99Z", None),
        ("11/12/2026", None),
        ("", None),
    ],
)
def test_a_date_is_read_or_left_out(told, published):
    content = items("a", extra=f"<pubDate>{told}</pubDate>")
    assert parse_feed(content.encode(), FEED_URL).entries[0].published == published


@pytest.mark.parametrize(
    "content",
    [
        items("a").replace("</item>", "").encode(),
        items("a").replace("</title>", "&nbsp;&copy</title>", 1).encode(),
        items("a").encode()[:-20],
        b"\n\n<!-- <html> --><?x y?>" + items("a").encode(),
        items("a").encode("utf-8-sig"),
        items("a").encode("utf-16"),
        b"<!DOCTYPE rss PUBLIC 'x' 'http://my.netscape.com/rss-0.91.dtd'>" + items("a").encode(),
    ],
    ids="unclosed unknown-entities cut comment-first bom utf-16 doctype".split(),
)
def test_a_feed_that_is_not_quite_xml_is_read(content):
    assert is_feed(content)
    assert [e.url for e in parse_feed(content, FEED_URL).entries] == ["https://news.example/a"]


@pytest.mark.parametrize(
    "declared, encoding",
    [
        ("windows-1251", "cp1251"),
        ("koi8-r", "koi8-r"),
        ("utf-8", "utf-8"),
        ("windows-1251", "utf-8"),
    ],
)
def test_a_feed_is_read_in_its_encoding(declared, encoding):
    text = f'<?xml version="1.0" encoding="{declared}"?>{items("a")}'.replace(">F<", f">{RUSSIAN}<")
    assert parse_feed(text.encode(encoding), FEED_URL).title == RUSSIAN.strip()


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha"}">' for n in range(30))


@pytest.mark.parametrize(
    "content",
    [
        f"<?xml version='1.0'?><!DOCTYPE rss [{LAUGHS}]>{items('a')}".replace(">F<", ">&l29;<"),
        f"<!DOCTYPE rss [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>{items('a')}",
        f"<!DOCTYPE rss [<!ENTITY % p SYSTEM 'http://127.0.0.1/x.dtd'> %p;]>{items('a')}",
        f"<!-- <rss> --><!DOCTYPE rss [<!ENTITY a 'b'>]>{items('a')}",
        f"<!DOCTYPE rss [<!ATTLIST item x CDATA '{'a' * 999}'>]>{items('a')}",
        (f"<!DOCTYPE rss [{LAUGHS}]>" + items("a")).encode("utf-16"),
    ],
    ids="laughs file external hidden attributes utf-16".split(),
)
def test_a_feed_that_declares_entities_is_refused(content):
    content = content if isinstance(content, bytes) else content.encode()
    assert is_feed(content)
    with pytest.raises(ArticleError, match="declares entities"):
        parse_feed(content, FEED_URL)


def test_utf_16_without_a_mark_hides_nothing():
    content = f"<?xml version='1.0'?><!DOCTYPE rss [{LAUGHS}]>{items('a')}".encode("utf-16-le")
    with pytest.raises(ArticleError):
        parse_feed(content, FEED_URL)


@pytest.mark.parametrize(
    "content",
    [b"", b"words", HTML, b"<html><rss>", b"<!-- ", b"<?xml", b"<sitemap/>", b"{}", b"\x00" * 99],
)
def test_what_is_no_feed_is_none(content):
    assert not is_feed(content)
    with pytest.raises(ArticleError, match="is not a feed") as caught:
        parse_feed(content, FEED_URL)
    assert caught.value.remedy


def test_the_parser_failing_on_nonsense_is_an_error_of_ours():
    with pytest.raises(ArticleError, match="too broken"):
        parse_feed(b"<rss><gml:pos>1 2</gml:pos></rss>", FEED_URL)


def test_of_a_long_feed_the_newest_are_taken_and_a_huge_one_is_refused():
    start = datetime(2020, 1, 1, tzinfo=UTC)
    listed = "".join(
        f"<item><title>{n}</title><link>/{n}</link><pubDate>{format_datetime(start + timedelta(hours=n))}</pubDate></item>"
        for n in range(5000)
    )
    feed = parse_feed(f"<rss><channel>{listed}</channel></rss>".encode(), FEED_URL, limit=3)
    assert [entry.title for entry in feed.entries] == ["4999", "4998", "4997"]
    with pytest.raises(ArticleError, match="more than 5 MB"):
        parse_feed(b"<rss>" + b"<item>" * MB, FEED_URL)


def test_a_page_names_its_feeds():
    html = b"""<html><head><base href="/news/">
    <link rel="Alternate" type="application/rss+xml" href="feed.xml?utm_source=x">
    <link rel="alternate" type="application/atom+xml" href="https://other.example/atom">
    <link rel="alternate" type="application/rss+xml" href="feed.xml">
    <link rel="alternate" hreflang="de" href="/de"><link rel="stylesheet" href="x.css">
    <link rel="alternate" type="application/rss+xml" href="javascript:alert(1)">
    <link rel="alternate" type="application/rss+xml"></head>"""
    assert discover_feeds(html, "https://news.example/start") == (
        "https://news.example/news/feed.xml",
        "https://other.example/atom",
    )
    for nothing in (b"", b"\x00\xff", b"<base href='http://['><link rel=alternate>"):
        assert discover_feeds(nothing, "https://news.example/") == ()


# ---- polling --------------------------------------------------------------------------------

NOW = 1_800_000_000.0


@dataclass
class Clock:
    """Time that passes only while somebody waits."""

    now: float = NOW
    waits: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def polite(get, clock):
    return Politeness(get, clock=clock, sleep=clock.sleep)


@pytest.fixture
def ask(polite, clock):
    """Polls the feed when it is due; the state goes through JSON, as when it is stored."""

    def ask(state):
        clock.now = max(clock.now, state.next_time)
        entries, state = poll("http://news.example/feed", state, polite, clock=clock)
        stored = json.loads(json.dumps(asdict(state)))
        return [e.url for e in entries], Poll(**stored)

    return ask


def feed_page(*links, extra="", **headers):
    return page(items(*links, extra=extra), "application/rss+xml", **headers)


def test_a_feed_gives_each_article_once_and_is_asked_for_changes_only(web, ask):
    not_changed = page("", None, 304)
    web.at("/feed", feed_page("a", "b", etag='"1"'), not_changed, feed_page("c", "b", etag='"2"'))
    entries, state = ask(Poll())
    assert entries == ["http://news.example/a", "http://news.example/b"]
    entries, state = ask(state)
    assert (entries, state.etag) == ([], '"1"')
    entries, state = ask(state)
    assert (entries, state.etag, state.problem) == (["http://news.example/c"], '"2"', "")
    conditions = [r.headers.get("if-none-match") for r in web.requests if r.path == "/feed"]
    assert conditions == [None, '"1"', '"1"']


@pytest.mark.parametrize(
    "was, now, handed_out",
    [
        ("2026-11-23", "2026-11-23", []),
        ("2026-11-23", "2026-11-24", ["a"]),
        ("Mon, 23 Nov 2026 07:00:00 GMT", "Mon, 23 Nov 2026 09:30:00 +0100", ["a"]),
        ("Mon, 23 Nov 2026 07:00:00 GMT", "Mon, 23 Nov 2026 07:30:00 +0100", []),
        ("2026-11-24", "2026-11-23", []),
        ("", "2026-11-23", []),  # then it was not known
        ("2026-11-23", "", []),
        ("2026-11-23", "soon", []),
    ],
)
@pytest.mark.parametrize("form", ["rss", "atom"])
def test_an_entry_is_handed_out_again_when_the_feed_gives_it_a_later_date(
    web, ask, form, was, now, handed_out
):
    def feed(date):
        others = "".join(entry(name, "2026-11-20") for name in "bcdefg")
        return page(FORMS[form].format(entry("a", date) + others), f"application/{form}+xml")

    def entry(name, date):
        if form == "rss":
            return (
                f"<item><title>{name}</title><link>/{name}</link><pubDate>{date}</pubDate></item>"
            )
        return (
            f"<entry><title>{name}</title><link href='/{name}'/><updated>{date}</updated></entry>"
        )

    web.at("/feed", feed(was), feed(now))
    assert len((state := ask(Poll()))[0]) == 7
    again, state = ask(state[1])
    assert again == [f"http://news.example/{name}" for name in handed_out]
    assert ask(state)[0] == []


def test_a_feed_that_dates_all_its_entries_anew_hands_none_out_again(web, ask):
    def feed(day, *names):
        return feed_page(*names, extra=f"<pubDate>2026-11-{day}</pubDate>")

    web.at(
        "/feed", feed(20, *"abcdefgh"), feed(21, *"abcdefgh"), feed(22, *"ixyz"), feed(23, *"xyz")
    )
    state, counts = Poll(), []
    for _ in range(4):
        entries, state = ask(state)
        counts.append(len(entries))
    assert counts == [8, 0, 4, 3]


def test_a_feed_that_is_not_due_is_not_asked(web, polite, clock):
    state = Poll(next_time=NOW + 1)
    assert poll("http://news.example/feed", state, polite, clock=clock) == ((), state)
    assert poll("http://news.example/feed", Poll(gone=True), polite, clock=clock)[0] == ()
    assert web.requests == []


@pytest.mark.parametrize(
    "headers, extra, wait",
    [
        ({}, "", INTERVAL),
        ({"cache_control": "max-age=7200"}, "", 7200),
        ({"cache_control": "max-age=10"}, "", INTERVAL),
        ({"cache_control": "no-store"}, "", INTERVAL),
        ({"cache_control": "max-age=99999999"}, "", 86400),
        ({}, "<ttl>120</ttl>", 7200),
        ({"cache_control": "max-age=9000"}, "<ttl>120</ttl>", 9000),
        (
            {},
            "<sy:updatePeriod>daily</sy:updatePeriod><sy:updateFrequency>6</sy:updateFrequency>",
            14400,
        ),
        ({}, "<ttl>1e9</ttl>", INTERVAL),
    ],
)
def test_a_feed_is_left_alone_for_as_long_as_it_says(web, ask, clock, headers, extra, wait):
    body = (
        items("a")
        .replace("<title>F</title>", f"<title>F</title>{extra}")
        .replace("<rss ", "<rss xmlns:sy='http://purl.org/rss/1.0/modules/syndication/' ")
    )
    web.at("/feed", page(body, "application/rss+xml", **headers))
    _, state = ask(Poll())
    assert state.next_time - clock.now == wait


@pytest.mark.parametrize(
    "reply, wait, problem",
    [
        (page("", status=429, retry_after="90000"), 90000, "left alone"),
        (page("", status=503, retry_after="5"), 2 * INTERVAL, "has trouble"),
        (page("", status=503, retry_after="999999999"), 7 * 86400, "has trouble"),
        (page("", status=500), 2 * INTERVAL, "has trouble"),
        (page("<html>words"), 2 * INTERVAL, "is not a feed"),
    ],
)
def test_a_feed_that_fails_is_left_alone(web, ask, clock, reply, wait, problem):
    web.at("/feed", reply)
    entries, state = ask(Poll(etag='"1"', seen={"x": ""}))
    assert (entries, state.failures, state.seen, state.etag) == ([], 1, {"x": ""}, '"1"')
    assert problem in state.problem
    assert state.next_time - clock.now == wait


def test_each_failure_doubles_the_wait_up_to_a_day_and_a_success_ends_it(web, ask, clock):
    web.at("/feed", *[page("", status=500)] * 8, feed_page("a"))
    state, waits = Poll(), []
    for _ in range(8):
        _, state = ask(state)
        waits.append(state.next_time - clock.now)
    assert waits == [3600, 7200, 14400, 28800, 57600, 86400, 86400, 86400]
    entries, state = ask(state)
    assert (len(entries), state.failures, state.problem) == (1, 0, "")
    error = ArticleError("x", "y", "z")
    assert after_failure(Poll(failures=10_000), error, NOW).next_time == NOW + 86400


def test_a_feed_that_is_gone_is_not_asked_again(web, ask):
    web.at("/feed", page("", status=410))
    _, state = ask(Poll())
    assert state.gone


def test_a_feed_in_the_own_network_says_so(web, get, clock):
    polite = Politeness(partial(get, allow_private=True), clock=clock, sleep=clock.sleep)
    web.at("/feed", feed_page("a"))
    for host, private in (("intra.example", True), ("news.example", False)):
        _, state = poll(f"http://{host}/feed", Poll(), polite, clock=clock)
        assert state.private == private


# ---- manners --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "robots, allowed",
    [
        (page("", status=404), True),
        (page("", status=403), True),
        (page("", "text/plain"), True),
        (page("User-agent: *\nDisallow: /private", "text/plain"), True),
        (page("User-agent: *\nDisallow: /", "text/plain"), False),
        (page("User-agent: *\nDisallow: /*/feed\nDisallow: /feed$", "text/plain"), False),
        (page("User-agent: *\nDisallow: /\nAllow: /feed", "text/plain"), True),
        (
            page(
                "User-agent: News-Assistant\nDisallow: /feed\n\nUser-agent: *\nAllow: /",
                "text/plain",
            ),
            False,
        ),
        (
            page(
                "User-agent: news-assistant\nAllow: /\n\nUser-agent: *\nDisallow: /", "text/plain"
            ),
            True,
        ),
        (page(b"\xef\xbb\xbfUser-agent: *\r\nDisallow: /", "text/plain"), False),
        (page("User-agent: *\nDisallow: /", None), False),
        (page("<html>not found", "text/html"), True),
        (page("", status=500), False),
        (page("", status=429), False),
        (page(b"\x00\x01", "text/plain"), False),
        (redirect("http://127.0.0.1/robots.txt"), False),
        (redirect("http://other.example/their-robots.txt"), False),
    ],
)
def test_robots_txt_decides(web, ask, robots, allowed):
    web.at("/robots.txt", robots)
    web.at("/their-robots.txt", page("User-agent: *\nDisallow: /", "text/plain"))
    web.at("/feed", feed_page("a"))
    entries, state = ask(Poll())
    assert ("/feed" in web.paths, len(entries), not state.problem) == (allowed, allowed, allowed)
    assert allowed or "robots.txt" in state.problem


def test_robots_txt_is_asked_for_once_a_day_and_after_a_failure_each_hour(web, polite, clock):
    web.at("/robots.txt", page("", status=500), page("", status=404))
    web.at("/a", page())
    for wait, asked in ((0, 1), (10, 1), (3600, 2), (3600, 2), (86400, 3)):
        clock.now += wait
        if asked > 1:
            polite.get("http://news.example/a")
        else:
            refused(polite.get, "http://news.example/a")
        assert web.paths.count("/robots.txt") == asked


@pytest.mark.parametrize(
    "delay, waits",
    [
        ("", [1, 1]),
        ("Crawl-delay: 10", [1, 10]),
        ("Crawl-delay: 0.1", [1, 1]),
        ("Crawl-delay: nan", [1, 1]),
        ("Crawl-delay: 99999", [1, 600]),
        ("Crawl-delay: -5", [1, 1]),
    ],
)
def test_a_host_is_asked_once_in_a_while(web, internet, polite, clock, delay, waits):
    web.at("/robots.txt", page(f"User-agent: *\nDisallow: /x\n{delay}", "text/plain"))
    web.at("/a", page())
    polite.get("http://news.example/a")
    polite.get("http://news.example/a")
    assert clock.waits == waits
    polite.get("http://other.example/a")  # waits for its own robots.txt only
    assert clock.waits == [*waits, 1]

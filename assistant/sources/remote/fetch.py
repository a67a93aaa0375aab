"""Pages and files from the web, fetched so that no address can do harm.

Addresses come from strangers: from feeds, from redirects, from a link that somebody was sent. So

- only ``http`` and ``https``, no user names and passwords, and the ports 80 and 443 only, unless
  private addresses are allowed (then any);
- a name is resolved once, all its addresses are checked, and the connection goes to one of those
  very addresses, so DNS rebinding (a name server that changes its answer) gains nothing. TLS and
  the ``Host`` header keep the name. Each of at most `MAX_REDIRECTS` redirects is checked again;
- even where private addresses are allowed, the web cannot redirect to them;
- a redirect from https to http is refused: the text would be cited as the site's, and anybody on
  the way could have written it;
- one deadline applies to everything, names and redirects included, however slowly bytes arrive;
- one limit applies to the bytes received and to the bytes unpacked. Only gzip is requested and
  unpacked, in pieces, so a bomb ends at the limit. Headers may have 100 KB in all (httpcore2's
  limit);
- no cookies, no proxies, no credentials, nothing from the environment.

Not promised: a machine of one's own network that has a public address is fetched like any other.
"""

import codecs
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from assistant.errors import ArticleError
from assistant.sources.decoding import UTF16_MARKS, charset_of, to_utf8
from assistant.sources.remote.addresses import BY_HAND, parse_target, redirected, shown
from assistant.sources.remote.transport import LATER, Limits, Network, Response, request

MAX_BYTES = 20 << 20
TIMEOUT = 20.0
MAX_REDIRECTS = 5

_TEXTS = frozenset((".html", ".xhtml", ".txt", ".md", ".csv", ".tsv", ".jsonl", ".xml"))
"""The endings of files with text."""

_TYPES = {
    content_type: suffix
    for suffix, content_types in {
        ".html": "text/html",
        ".xhtml": "application/xhtml+xml",
        ".txt": "text/plain",
        ".md": "text/markdown text/x-markdown",
        ".csv": "text/csv application/csv",
        ".tsv": "text/tab-separated-values",
        ".jsonl": "application/jsonl application/x-jsonlines application/x-ndjson",
        ".xml": "application/rss+xml application/atom+xml application/rdf+xml application/xml"
        " text/xml",
        ".pdf": "application/pdf application/x-pdf",
        ".rtf": "application/rtf text/rtf",
        ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ".epub": "application/epub+zip",
        ".zip": "application/zip application/x-zip-compressed",
    }.items()
    for content_type in content_types.split()
}
_UNSAID = ("", "application/octet-stream", "binary/octet-stream", "application/x-download")
_OF_PATHS = {".markdown": ".md", ".htm": ".html"} | {suffix: suffix for suffix in _TEXTS}

# What the first characters suggest; the first match counts. None: neither text nor a document.
_STARTS = (
    (r"%pdf-", ".pdf"),
    (r"\{\\rtf", ".rtf"),
    (r".*[\x00-\x08\x0e-\x1a\x1c-\x1f]", None),
    (r"<!doctype html|<(html|head|body|title|script|meta|div|p|h1)\b", ".html"),
    (r"<\?xml.*<html", ".xhtml"),
    (r"<\?xml|<(rss|feed|rdf:rdf)\b", ".xml"),
    (r"", ".txt"),
)


class StatusError(ArticleError):
    """The site answered, but not with the page.

    Attributes:
        status: the HTTP status.
        retry_after: seconds that the site asks to wait; None if it does not say.
    """

    def __init__(self, url: str, status: int, retry_after: float | None = None) -> None:
        self.status = status
        self.retry_after = retry_after
        super().__init__(url, *_refusal(status))


@dataclass(frozen=True)
class Fetched:
    """What was found at an address."""

    url: str
    """As requested."""
    final_url: str
    """Where the redirects ended."""
    content: bytes = field(repr=False)
    """Unpacked; empty if not modified."""
    content_type: str
    """As the site states it, without parameters; "" if it does not."""
    suffix: str
    """The ending of a file with this content: ``.html``, ``.pdf``, ``.xml`` …"""
    charset: str | None = None
    """Python's name of the encoding that the site states."""
    etag: str | None = None
    last_modified: str | None = None
    max_age: float | None = None
    """Seconds for which the site says it does not change."""
    not_modified: bool = False
    """It has not changed since the answer with the given etag or date of modification."""
    private: bool = False
    """It came from a private address. Only links in such pages should be fetched with
    `allow_private`."""

    def utf8(self) -> bytes:
        """The content to parse: text in UTF-8 if the site's charset is needed to read it."""
        return to_utf8(self.content, self.charset) if self.suffix in _TEXTS else self.content


def fetch(
    url: str,
    *,
    max_bytes: int = MAX_BYTES,
    timeout: float = TIMEOUT,
    allow_private: bool = False,
    etag: str | None = None,
    modified: str | None = None,
    network: Network | None = None,
) -> Fetched:
    """The content at an address on the web.

    Args:
        max_bytes: limit of the bytes received, and of the bytes unpacked.
        timeout: seconds for everything.
        allow_private: private, loopback and link-local addresses may be fetched, from any port.
        etag: of an earlier answer; with it or `modified`, unchanged content is not sent again.
        modified: `last_modified` of an earlier answer.
        network: replaces name server, sockets and trusted certificates.

    Raises:
        StatusError: the site does not give the page.
        UnreachableError: nothing answers.
        ArticleError: the address is refused, or the content is too large, too slow or of an
            unsupported kind.
    """
    headers = {"If-None-Match": etag, "If-Modified-Since": modified}
    condition = {name: value for name, value in headers.items() if value}
    deadline = time.monotonic() + timeout
    limits = Limits(max_bytes, timeout, deadline, allow_private, network or Network())
    at, came_from_web = url, False
    for hop in range(MAX_REDIRECTS + 1):
        try:
            target = parse_target(at, allow_private=allow_private)
            response = request(target, condition, limits, came_from_web=came_from_web)
            came_from_web = came_from_web or response.public
            if response.status == 200 or (response.status == 304 and condition):
                return _fetched(url, target.url, response, private=not came_from_web)
            if response.status not in (301, 302, 303, 307, 308):
                raise StatusError(shown(url), response.status, _retry_after(response.headers))
            at = redirected(target, response.headers.get("location", ""))
        except ArticleError as error:
            if hop == 0 or isinstance(error, StatusError):
                raise
            problem = f"leads to {error.subject}, which {error.problem}"
            raise ArticleError(shown(url), problem, error.remedy) from error
    raise ArticleError(shown(url), f"sends on more than {MAX_REDIRECTS} times", BY_HAND)


def _fetched(url: str, final_url: str, response: Response, *, private: bool) -> Fetched:
    headers = response.headers
    not_modified = response.status == 304
    control = headers.get("cache-control", "").lower()
    max_age = re.search(r"(?:^|[\s,])max-age=\"?(\d{1,9})", control)
    content_type, charset = _content_type(headers.get("content-type", ""))
    suffix = "" if not_modified else _suffix_of(content_type, charset, response.content, final_url)
    return Fetched(
        url=url,
        final_url=final_url,
        content=response.content,
        content_type=content_type,
        suffix=suffix,
        charset=charset,
        etag=_remembered(headers.get("etag")),
        last_modified=_remembered(headers.get("last-modified")),
        max_age=max_age and float(max_age[1]),
        not_modified=not_modified,
        private=private,
    )


def _remembered(value: str | None) -> str | None:
    """A header to send back with the next request, unless it is too long."""
    return value if value and len(value) <= 500 and value.isascii() else None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}", value):
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


def _refusal(status: int) -> tuple[str, str]:
    """The problem of a status that gives no page, and its remedy."""
    if status in (404, 410):
        return f"has no page ({status})", "check the address"
    if status in (401, 402, 403, 407, 451):
        return f"is not given to programs, or not without a subscription ({status})", BY_HAND
    if status == 429:
        return "asks to be left alone for a while (429)", LATER
    if status >= 500:
        return f"has trouble ({status})", LATER
    return f"answers with status {status} instead of a page", BY_HAND


# ---- kinds of content -----------------------------------------------------------------------


def _content_type(header: str) -> tuple[str, str | None]:
    """(type, Python's name of the charset) of a ``Content-Type``; "" and None if missing."""
    if "/" not in header:
        return "", None
    message = Message()
    message["content-type"] = header
    charset = None
    with suppress(ValueError):  # of a parameter numbered with thousands of digits
        charset = charset_of(message.get_content_charset() or "")
    return message.get_content_type(), charset


def _suffix_of(declared: str, charset: str | None, content: bytes, url: str) -> str:
    """The ending of a file with this content, whatever the site declares.

    Raises:
        ArticleError: it is of a kind that is not supported.
    """
    found = _sniff(content, charset)
    expected = found if declared in _UNSAID else _TYPES.get(declared)
    if declared not in _UNSAID and expected is None:
        raise ArticleError(url, f"is {declared[:60]}, which is not read", BY_HAND)
    if found is None or expected is None:
        raise ArticleError(url, "is neither text nor a document", BY_HAND)
    if expected not in _TEXTS and found in _TEXTS:
        raise ArticleError(url, f"says that it is {declared}, but is not", BY_HAND)
    if expected == ".txt" and found in _TEXTS:  # the type of files that servers do not know
        return _OF_PATHS.get(PurePosixPath(urlsplit(url).path).suffix.lower(), ".txt")
    if expected in (".md", ".csv", ".tsv", ".jsonl") and found in _TEXTS:
        return expected  # Markdown may well begin with a tag
    if found == ".zip":
        return expected if expected in (".docx", ".epub") else found
    if found == ".txt" or (expected, found) == (".xhtml", ".html"):
        return expected  # the first bytes cannot tell more
    return found


def _sniff(content: bytes, charset: str | None) -> str | None:
    """The ending that the first bytes suggest; None for neither text nor a document."""
    if content.startswith(b"PK\x03\x04"):
        if b"application/epub+zip" in content[:200]:
            return ".epub"
        return ".docx" if b"word/document.xml" in content else ".zip"
    head = content[:2048]
    if head.startswith(UTF16_MARKS):
        charset = "utf-16"
    elif charset is None or not charset.startswith(("utf-16", "utf-32")):
        charset = "latin-1"  # enough to see tags
    start = head.removeprefix(codecs.BOM_UTF8).decode(charset, "ignore").lstrip().lower()
    return next(suffix for pattern, suffix in _STARTS if re.match(pattern, start, re.DOTALL))

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

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from assistant.errors import ArticleError
from assistant.sources.remote.addresses import BY_HAND, parse_target, redirected, shown
from assistant.sources.remote.kinds import TEXTS, parse_content_type, suffix_of, to_utf8
from assistant.sources.remote.transport import LATER, Limits, Network, Response, request

MAX_BYTES = 20 << 20
TIMEOUT = 20.0
MAX_REDIRECTS = 5


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
        return to_utf8(self.content, self.charset) if self.suffix in TEXTS else self.content


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
        except StatusError:
            raise
        except ArticleError as error:
            if hop == 0:
                raise
            problem = f"leads to {error.subject}, which {error.problem}"
            raise ArticleError(shown(url), problem, error.remedy) from error
    raise ArticleError(shown(url), f"sends on more than {MAX_REDIRECTS} times", BY_HAND)


def _fetched(url: str, final_url: str, response: Response, *, private: bool) -> Fetched:
    headers = response.headers
    not_modified = response.status == 304
    content_type, charset = parse_content_type(headers.get("content-type", ""))
    suffix = "" if not_modified else suffix_of(content_type, charset, response.content, final_url)
    return Fetched(
        url=url,
        final_url=final_url,
        content=response.content,
        content_type=content_type,
        suffix=suffix,
        charset=charset,
        etag=_remembered(headers.get("etag")),
        last_modified=_remembered(headers.get("last-modified")),
        max_age=_max_age(headers.get("cache-control", "")),
        not_modified=not_modified,
        private=private,
    )


def _remembered(value: str | None) -> str | None:
    """A header to send back with the next request, unless it is too long."""
    return value if value and len(value) <= 500 and value.isascii() else None


def _max_age(cache_control: str) -> float | None:
    found = re.search(r"(?:^|[\s,])max-age=\"?(\d{1,9})", cache_control.lower())
    return float(found.group(1)) if found else None


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

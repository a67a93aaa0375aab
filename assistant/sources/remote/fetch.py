"""Pages and files from the web, fetched so that no address can do harm.

Addresses come from strangers: from feeds, from redirects, from a link that somebody was sent. So

- only ``http`` and ``https``, no user names and passwords, and the ports 80 and 443 only, unless
  private addresses are allowed (then any);
- a name is resolved once, every address it has is checked, and the connection goes to one of those
  very addresses: a name server that changes its mind (DNS rebinding) gains nothing. TLS and the
  ``Host`` header keep the name. All of it anew for each of at most `MAX_REDIRECTS` redirects;
- where private addresses are allowed, the web still cannot redirect into them;
- a redirect from https to http is refused: the text would be cited as the site's, and anybody on
  the way could have written it;
- one deadline over all of it, names and redirects included, however slowly bytes trickle;
- one limit on the bytes received and on the bytes unpacked. Only gzip is asked for and unpacked, in
  pieces, so a bomb ends at the limit. Headers have 100 KB in all (httpcore2's limit);
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
        retry_after: seconds that the site wants to be left alone; None when it does not say.
    """

    def __init__(self, url: str, status: int, retry_after: float | None = None) -> None:
        self.status = status
        self.retry_after = retry_after
        super().__init__(url, *_refusal(status))


@dataclass(frozen=True)
class Fetched:
    """What an address gave."""

    url: str
    """As it was asked for."""
    final_url: str
    """Where the redirects ended."""
    content: bytes = field(repr=False)
    """Unpacked; empty when not modified."""
    content_type: str
    """As the site says it, without parameters; "" when it does not say."""
    suffix: str
    """The ending of a file with this content: ``.html``, ``.pdf``, ``.xml`` …"""
    charset: str | None = None
    """Python's name of the encoding that the site says the text has."""
    etag: str | None = None
    last_modified: str | None = None
    max_age: float | None = None
    """Seconds that the site says it stays as it is."""
    not_modified: bool = False
    """It is as it was when it had the given etag or date of modification."""
    private: bool = False
    """It came from a private address. Links in what came from elsewhere should not be fetched with
    `allow_private`."""

    def utf8(self) -> bytes:
        """The content to parse: text as UTF-8 where the site's charset is needed to read it."""
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
    """What is at an address of the web.

    Args:
        max_bytes: most that is received, and most that it unpacks to.
        timeout: seconds for all of it.
        allow_private: private, loopback and link-local addresses may be fetched, from any port.
        etag: of an earlier answer; with it or `modified`, what has not changed is not sent again.
        modified: `last_modified` of an earlier answer.
        network: takes the place of name server, sockets and trusted certificates.

    Raises:
        StatusError: the site does not give the page.
        UnreachableError: nothing answers.
        ArticleError: the address is refused, the site cannot be reached, or what it gives is too
            large, too slow or of a kind that is not read; names the address and the remedy.
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
    """A header that is sent back one day: a long one is not worth it."""
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
    """The problem and its remedy."""
    if status in (404, 410):
        return f"has no page ({status})", "check the address"
    if status in (401, 402, 403, 407, 451):
        return f"is not given to programs, or not without a subscription ({status})", BY_HAND
    if status == 429:
        return "asks to be left alone for a while (429)", LATER
    if status >= 500:
        return f"has trouble ({status})", LATER
    return f"answers with status {status} instead of a page", BY_HAND

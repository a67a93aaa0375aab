"""Addresses on the web: which ones may be fetched, and which machines may be connected to."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import quote, urljoin, urlsplit

from assistant.errors import ArticleError

MAX_URL = 4096
"""Characters."""

BY_HAND = "open it in a browser, save the page and add the file"
OWN_NETWORK = "set allow_private_addresses to fetch from your own network"

_PORTS = {"http": 80, "https": 443}
_NAT64 = IPv6Network("64:ff9b::/96")
_LOCAL = re.compile(r"(.*\.)?(localhost|localdomain|local|internal|intranet|lan|home\.arpa)")
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_SAFE = "%/:=&?~#+!$,;'@()*[]|"
"""Characters of a path or query that are not percent-encoded."""


@dataclass(frozen=True)
class Target:
    """An address, parsed once: what is checked is what is connected to and requested."""

    scheme: str
    host: str
    """A name in ASCII, or an IP address without brackets."""
    port: int
    path: str
    """Percent-encoded, with the query."""

    @property
    def authority(self) -> str:
        """Host and port, as in the ``Host`` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole address, without fragment."""
        return f"{self.scheme}://{self.authority}{self.path}"


def shown(url: str) -> str:
    """An address for a message: short, printable, without a password."""
    line = re.sub(r"//[^/?#]*@", "//…@", url.strip()[:MAX_URL])
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
    return line if len(line) <= 200 else f"{line[:199]}…"


def parse_target(url: str, *, allow_private: bool = False) -> Target:
    """The parts of an address.

    Args:
        allow_private: accept names of one's own network, and any port.

    Raises:
        ArticleError: it is not an address on the web, or one that may not be fetched.
    """
    _check_spelling(url)
    try:
        parts = urlsplit(url.strip())
        scheme, host, port = parts.scheme.lower(), parts.hostname or "", parts.port
    except ValueError as error:
        raise _not_on_the_web(url) from error
    if scheme not in _PORTS:
        raise _not_on_the_web(url)
    if "@" in parts.netloc:
        remedy = "leave out what is before the @"
        raise ArticleError(shown(url), "holds a user name or password", remedy)
    if port == 0 or (not allow_private and port not in (None, *_PORTS.values())):
        remedy = OWN_NETWORK if port else "leave out the port"
        raise ArticleError(shown(url), f"names port {port}, where no web site is", remedy)
    path = quote(parts.path or "/", safe=_SAFE)
    if parts.query:
        path += "?" + quote(parts.query, safe=_SAFE)
    name = _plain_host(host, url)
    if not allow_private and not is_ip(name) and ("." not in name or _LOCAL.fullmatch(name)):
        raise ArticleError(shown(url), "has a name of your own network", OWN_NETWORK)
    return Target(scheme, name, port or _PORTS[scheme], path)


def redirected(target: Target, location: str) -> str:
    """The address that a redirect leads to.

    Raises:
        ArticleError: it leads nowhere, or from https to http.
    """
    if not location.strip():
        raise ArticleError(shown(target.url), "sends on without saying where", BY_HAND)
    try:
        _check_spelling(location)
        following = urljoin(target.url, location.strip())
    except ArticleError as error:
        problem = f"leads to {error.subject}, which {error.problem}"
        raise ArticleError(shown(target.url), problem, error.remedy) from error
    except ValueError as error:
        problem = f"leads to {shown(location)}, which is not an address on the web"
        raise ArticleError(shown(target.url), problem, BY_HAND) from error
    if target.scheme == "https" and following.lower().startswith("http:"):
        problem = "sends on from https to http, where anybody on the way can change the page"
        remedy = f"add {shown(following)} itself if you trust the way"
        raise ArticleError(shown(target.url), problem, remedy)
    return following


def _check_spelling(url: str) -> None:
    if len(url) > MAX_URL:
        problem = f"has {len(url)} characters, more than {MAX_URL}"
        raise ArticleError(shown(url), problem, "use a shorter address")
    # Python's parser silently drops some of these; browsers read \ as /.
    if "\\" in url or not url.strip().isprintable():
        problem = "holds a character that no address has"
        raise ArticleError(shown(url), problem, "write it as https://…")


def _not_on_the_web(url: str) -> ArticleError:
    return ArticleError(shown(url), "is not an address on the web", "write it as https://…")


def _plain_host(host: str, url: str) -> str:
    """The host to connect to: an IP address, or a name in ASCII."""
    import idna

    if ":" in host:
        try:
            ip = IPv6Address(host)
        except ValueError as error:
            raise _not_on_the_web(url) from error
        if ip.scope_id is not None:  # a network interface of this machine
            raise _not_on_the_web(url)
        return str(ip)
    try:
        name = host if host.isascii() else idna.encode(host, uts46=True).decode()
    except UnicodeError:  # idna's own error is a subclass
        name = ""
    name = name.removesuffix(".").lower()
    if not _HOST.fullmatch(name):
        raise ArticleError(shown(url), "names a site that cannot exist", "check its spelling")
    # 127.1, 0x7f.1, 0177.0.0.1 and 2130706433 are all 127.0.0.1 to some programs.
    if re.fullmatch(r"\d+|0x[0-9a-f]*", name.rpartition(".")[2]) and not is_ip(name):
        problem = "writes an IP address in an unusual way"
        raise ArticleError(shown(url), problem, "write it as four numbers, like 93.184.216.34")
    return name


def is_ip(host: str) -> bool:
    """Whether this is an IP address, not a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def check_addresses(
    target: Target, addresses: Sequence[str], *, allow_private: bool, came_from_web: bool
) -> bool:
    """Refuses a host unless all its IP addresses may be connected to; whether all are public.

    Args:
        came_from_web: a public site led here, so private addresses are refused in any case.

    Raises:
        ArticleError: one of them may not, which could be the one that is used.
    """
    public = True
    for address in addresses:
        ip = ip_address(address)
        if is_public(ip):
            continue
        public, usable = False, is_usable(ip)
        if usable and allow_private and came_from_web:
            remedy = "add that address itself if you trust it"
            raise ArticleError(target.url, "is on your own network", remedy)
        if not usable or not allow_private:
            remedy = OWN_NETWORK if usable else "check the address"
            raise ArticleError(target.url, f"is not on the public internet ({address})", remedy)
    return public


def is_public(ip: IPv4Address | IPv6Address) -> bool:
    """Whether this address leads everybody to the same machine."""
    if isinstance(ip, IPv6Address):
        if inner := _embedded(ip):
            return all(map(is_public, inner))
        if ip.is_site_local:
            return False
    # In the standard library, multicast and many reserved addresses count as global.
    special = ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_link_local
    return ip.is_global and not special


def is_usable(ip: IPv4Address | IPv6Address) -> bool:
    """Whether this is the address of a single machine, public or private."""
    if isinstance(ip, IPv6Address) and (inner := _embedded(ip)):
        return all(map(is_usable, inner))
    reserved = ip.version == 4 and ip.is_reserved
    return not (ip.is_multicast or ip.is_unspecified or reserved)


def _embedded(ip: IPv6Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses that packets to an IPv6 address go to or through."""
    if ip.teredo:
        return ip.teredo
    inner = ip.ipv4_mapped or ip.sixtofour
    if inner is None and ip in _NAT64:
        inner = IPv4Address(int(ip) & 0xFFFFFFFF)
    return () if inner is None else (inner,)

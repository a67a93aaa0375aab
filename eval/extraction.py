"""How well articles are found in web pages: body text, title and date of publication.

    python -m eval.extraction ../shared/data/html

The body is measured as in the article extraction benchmark (scrapinghub, 181 pages): by runs of
four words, each page weighing the same. That has no gold for titles and dates; they are compared
with what the pages themselves state, read here by other means than the program's.
"""

import gzip
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import click
import numpy as np
from dateutil import parser as dateutil_parser
from lxml import html

from assistant.errors import ArticleError, AssistantError, CorpusError
from assistant.schema import Article
from assistant.sources.decoding import decode
from assistant.sources.files import parse_article

_UTF8 = html.HTMLParser(encoding="utf-8")

SHINGLE = 4
"""Words in each of the runs that are compared."""

RESAMPLES = 1_000
SHOWN_MISSES = 15

_STATED_DATES = re.compile(
    r"(og:)?(article[:.])?(date_?published|published(_time|_at|time)?|pub_?date|publish[-_]?date)"
    r"|sailthru\.date|parsely-pub-date|dc(terms)?\.date(\.issued)?|date",
    re.IGNORECASE,
)
_LINKED_DATE = re.compile(r'"datePublished"\s*:\s*"([^"]*)"')
_LINKED_TITLE = re.compile(r'"headline"\s*:\s*"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Overlap:
    """Shares of a page's runs of words: rightly found, wrongly found, not found; they sum to 1."""

    right: float
    surplus: float
    missing: float
    identical: bool

    @property
    def f1(self) -> float:
        """The F1 of this page alone; nan when it and its gold are empty."""
        total = 2 * self.right + self.surplus + self.missing
        return 2 * self.right / total if total else float("nan")


@dataclass(frozen=True)
class Miss:
    """A page with a fact that differs from what the page states."""

    key: str
    found: str
    stated: tuple[str, ...]


@dataclass(frozen=True)
class Stated:
    """How often a fact that pages state was found."""

    pages: int
    """Pages that state it."""
    right: int
    misses: tuple[Miss, ...]
    unstated: int
    """Pages that do not state it, for which one was found all the same."""


@dataclass(frozen=True)
class Extraction:
    """What was measured; each score with the standard deviation of its bootstrap."""

    pages: int
    f1: tuple[float, float]
    precision: tuple[float, float]
    recall: tuple[float, float]
    accuracy: tuple[float, float]
    worst: tuple[tuple[str, Overlap], ...]
    """All pages, the lowest F1 first."""
    titles: Stated
    """Any title that the page states counts as right."""
    headlines: Stated
    """Only the title that readers see, or that of the page's JSON-LD, counts."""
    dates: Stated
    failures: tuple[str, ...]
    """Pages in which no article was found."""


Extract = Callable[[bytes, str], Article]


def measure(folder: Path, extract: Extract = parse_article) -> Extraction:
    """Extracts the pages of a folder and compares what is found.

    Args:
        folder: with ``pages/KEY.html.gz`` and ``ground-truth.json``.
        extract: (page, file name) to article.

    Raises:
        CorpusError: the folder holds no such pages.
    """
    keys, overlaps, failures = [], [], []
    titles, headlines, dates = [], [], []
    for key, gold, page in _pages(folder):
        try:
            article = extract(page, "page.html")
        except ArticleError as error:
            failures.append(f"{key}: {error}")
            article = Article(id="", title="", text="")
        keys.append(key)
        overlaps.append(overlap(gold["articleBody"], article.text))
        tree = html.document_fromstring(decode(page, key).encode(), parser=_UTF8)
        titles.append(_judge_title(key, article, [*_headlines(tree), *_page_titles(tree)]))
        headlines.append(_judge_title(key, article, _headlines(tree)))
        dates.append(_judge_date(key, article, tree, gold["url"]))
    precision, recall, f1, accuracy = _with_deviation(overlaps)
    worst = sorted(zip(keys, overlaps, strict=True), key=lambda pair: pair[1].f1)
    return Extraction(
        pages=len(keys),
        f1=f1,
        precision=precision,
        recall=recall,
        accuracy=accuracy,
        worst=tuple(worst),
        titles=_sum_up(titles),
        headlines=_sum_up(headlines),
        dates=_sum_up(dates),
        failures=tuple(failures),
    )


def shingles(text: str) -> Counter[tuple[str, ...]]:
    """The runs of four words of a text; a shorter text is one run, an empty text has none."""
    words = re.findall(r"\w+", text)
    runs = range(max(len(words) - SHINGLE + 1, 1)) if words else ()
    return Counter(tuple(words[at : at + SHINGLE]) for at in runs)


def overlap(gold: str, found: str) -> Overlap:
    """Compares the body that was found with the one marked by hand."""
    wanted, given = shingles(gold), shingles(found)
    right = (wanted & given).total()
    surplus, missing = (given - wanted).total(), (wanted - given).total()
    total = max(right + surplus + missing, 1)
    identical = re.findall(r"\w+", gold) == re.findall(r"\w+", found)
    return Overlap(right / total, surplus / total, missing / total, identical)


def _scores(overlaps: Sequence[Overlap]) -> tuple[float, float, float, float]:
    """Precision and recall, which are means over pages, their F1, and accuracy."""
    precisions = [o.right / (o.right + o.surplus) for o in overlaps if o.right + o.surplus]
    recalls = [o.right / (o.right + o.missing) for o in overlaps if o.right + o.missing]
    precision = float(np.mean(precisions)) if precisions else 0.0
    recall = float(np.mean(recalls)) if recalls else 0.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return precision, recall, f1, float(np.mean([o.identical for o in overlaps]))


def _with_deviation(overlaps: Sequence[Overlap]) -> list[tuple[float, float]]:
    """Each score with the standard deviation of `RESAMPLES` bootstrap samples of pages."""
    rows = np.random.default_rng(0).integers(0, len(overlaps), (RESAMPLES, len(overlaps)))
    drawn = np.array([_scores([overlaps[i] for i in row]) for row in rows])
    deviations = drawn.std(axis=0)
    return [(score, float(d)) for score, d in zip(_scores(overlaps), deviations, strict=True)]


def _pages(folder: Path) -> Iterator[tuple[str, dict[str, str], bytes]]:
    golds = folder / "ground-truth.json"
    if not golds.is_file():
        raise CorpusError(folder, "holds no ground-truth.json", "name the folder of the pages")
    for key, gold in json.loads(golds.read_text(encoding="utf-8")).items():
        yield key, gold, gzip.decompress((folder / "pages" / f"{key}.html.gz").read_bytes())


# ---- what the pages state -------------------------------------------------------------------


def _judge_title(key: str, article: Article, stated: list[str]) -> tuple[bool, Miss | None]:
    """Whether the page states a title, and the miss if the one found differs."""
    stated = [title for title in stated if _letters(title)]
    right = _letters(article.title) in map(_letters, stated)
    shown = tuple(dict.fromkeys(" ".join(title.split()) for title in stated))
    return bool(stated), None if right else Miss(key, article.title, shown)


def _headlines(tree: Any) -> list[str]:
    return [*_linked(tree, _LINKED_TITLE), *(h.text_content() for h in tree.iter("h1"))]


def _page_titles(tree: Any) -> Iterator[str]:
    """The titles for browsers and social networks, with and without the part before the first or
    after the last dash or bar, which is often the name of the site.
    """
    titles = [m.get("content") or "" for m in tree.xpath("//meta[@property='og:title']")]
    for title in [*titles, *(t.text_content() for t in tree.iter("title"))]:
        parts = re.split(r"\s[-–—|»:]\s|\s?\|\s", title)
        yield from (title, title.removeprefix(parts[0]), title.removesuffix(parts[-1]))


def _judge_date(key: str, article: Article, tree: Any, url: str) -> tuple[bool, Miss | None]:
    """Whether the page states a date, and the miss if the one found differs.

    A page states dates in JSON-LD, meta elements, microdata and the path of its address. The day
    in the address counts only if it is at most a day from one of the others, which are often in
    Greenwich time, or if there are no others.
    """
    stated = {day for text in _stated_dates(tree) if (day := _day(text))}
    in_url = re.search(r"/(\d{4})/(\w{2,3})/(\d{1,2})(?:/|$)|(?<!\d)(\d{4})-(\d\d)-(\d\d)", url)
    day = _day(" ".join(filter(None, in_url.groups()))) if in_url else None
    near = not stated or any(abs(day - s) <= timedelta(days=1) for s in stated) if day else False
    if day and near:
        stated.add(day)
    found = article.published[:10] if article.published else ""
    right = found in {day.isoformat() for day in stated}
    wrong = None if right else Miss(key, found, tuple(sorted(d.isoformat() for d in stated)))
    return bool(stated), wrong


def _stated_dates(tree: Any) -> Iterator[str]:
    yield from _linked(tree, _LINKED_DATE)
    for meta in tree.iter("meta"):
        names = (meta.get(attribute) or "" for attribute in ("property", "name", "itemprop"))
        if any(_STATED_DATES.fullmatch(name) for name in names):
            yield meta.get("content") or ""
    for element in tree.xpath("//*[@itemprop='datePublished'][not(self::meta)]")[:1]:
        yield element.get("datetime") or element.get("content") or element.text_content()


def _linked(tree: Any, pattern: re.Pattern[str]) -> list[str]:
    scripts = tree.xpath("//script[contains(@type, 'ld+json')]")
    raw = [found for script in scripts for found in pattern.findall(script.text or "")]
    return [_unescaped(text) for text in raw]


def _unescaped(text: str) -> str:
    try:
        plain = json.loads(f'"{text}"', strict=False)
        return str(html.fromstring(f"<p>{plain}</p>").text_content())
    except ValueError:
        return text


def _day(text: str) -> date | None:
    try:
        parsed = dateutil_parser.parse(text.strip()[:40], fuzzy=False, ignoretz=True)
    except (ValueError, OverflowError):
        return None
    return parsed.date() if parsed.year > 1900 else None


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).casefold()


def _sum_up(judged: Sequence[tuple[bool, Miss | None]]) -> Stated:
    misses = tuple(miss for stated, miss in judged if stated and miss)
    pages = sum(stated for stated, _ in judged)
    unstated = sum(not stated and miss is not None and bool(miss.found) for stated, miss in judged)
    return Stated(pages, pages - len(misses), misses, unstated)


# ---- the command ----------------------------------------------------------------------------


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(folder: Path) -> None:
    r"""Measure how well articles are found in the saved pages of FOLDER, and print the misses.

    \b
    python -m eval.extraction ../shared/data/html
    """
    try:
        measured = measure(folder)
    except AssistantError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{measured.pages} pages, ± one standard deviation of {RESAMPLES} bootstraps")
    for name in ("f1", "precision", "recall", "accuracy"):
        score, deviation = getattr(measured, name)
        click.echo(f"{name:10} {score:.3f} ± {deviation:.3f}")
    click.echo("\nleast F1                right  surplus  missing")
    for key, page in measured.worst[:SHOWN_MISSES]:
        shares = f"{page.right:7.2f} {page.surplus:7.2f} {page.missing:8.2f}"
        click.echo(f"{key[:12]}  {page.f1:9.2f} {shares}")
    for name, stated in (
        ("title", measured.titles),
        ("headline", measured.headlines),
        ("date", measured.dates),
    ):
        click.echo(
            f"\n{name}: right on {stated.right} of {stated.pages} pages that state it; found on "
            f"{stated.unstated} that do not"
        )
        for miss in stated.misses:
            said = " / ".join(miss.stated)[:150]
            click.echo(f"{miss.key[:12]}  found {miss.found[:90]!r}, stated {said!r}")
    for failure in measured.failures:
        click.echo(f"no article: {failure}")


if __name__ == "__main__":
    main()

"""The nouns of the program: what flows between its stages, frozen.

An `Article` is cut into `Passage`s; a question finds `ScoredPassage`s; the reader marks
`Evidence` in them; an `Answer` quotes it with `Citation`s. All offsets count characters
(code points) of `Article.text`, start inclusive, end exclusive.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from hashlib import blake2b
from typing import Any, Literal


@dataclass(frozen=True)
class Article:
    """One article, cleaned of its page's clutter. `id` says which one: its canonical URL, else its
    path below the corpus folder. `digest`, its content hash, says which version of it.
    """

    id: str
    title: str
    text: str
    url: str | None = None
    source: str | None = None
    """Who published it: an outlet, an agency."""
    authors: tuple[str, ...] = ()
    published: str | None = None
    """ISO date or date and time; None when the article does not say. Never guessed."""
    language: str | None = None
    """Two-letter code (ISO 639-1), recognised if the source does not say it and it is certain. Not
    part of the digest, or recognising it another way would change the hash of each article."""
    path: str = ""
    """Where its file lies below the corpus folder, with forward slashes."""

    @property
    def digest(self) -> str:
        """The content hash: of everything that is indexed or shown, so not of the path."""
        parts = (self.title, self.text, self.url, self.source, *self.authors, self.published)
        joined = "\x1f".join(part or "" for part in parts).encode("utf-8", "surrogatepass")
        return blake2b(joined, digest_size=16).hexdigest()


@dataclass(frozen=True)
class ArticleSummary:
    """What a list of articles shows: an article without its text."""

    id: str
    title: str
    url: str | None
    source: str | None
    published: str | None
    path: str
    words: int
    passages: int
    language: str | None = None
    copies: int = 0
    """How many other articles have nearly the same text."""


Order = Literal["date", "title", "outlet", "words", "added"]
"""How a list of articles is ordered: the newest, the longest or the last changed comes first."""


@dataclass(frozen=True)
class Passage:
    """A run of whole sentences of one article: ``article.text[start:end] == text``."""

    article_id: str
    position: int
    """Counts from 0 within its article."""
    start: int
    end: int
    text: str
    heading: str = ""
    """Title, outlet and date: put before `text` when it is embedded or searched, never shown."""
    number: int = 0
    """The store's key, never reused; 0 until it is stored."""

    @property
    def embedded_text(self) -> str:
        """What the embedding model reads."""
        return f"{self.heading}\n{self.text}" if self.heading else self.text


@dataclass(frozen=True)
class Query:
    """A question as it is searched for."""

    text: str
    """As the person asked it."""
    spelled: str
    """Standing alone, without misspelled words."""
    expanded: str
    """The same with abbreviations spelled out."""


@dataclass(frozen=True)
class ScoredPassage:
    """A passage with the rank and score of each stage of retrieval."""

    passage: Passage
    score: float
    """Convex combination of the two scores below, or the reranker's; 0 to 1, comparable within one
    question only."""
    dense_rank: int | None = None
    dense_score: float | None = None
    lexical_rank: int | None = None
    lexical_score: float | None = None
    """The cosine of question and passage, -1 to 1, and BM25: higher is better."""
    copies: tuple[Passage, ...] = ()
    """Passages of other articles with nearly the same words, dropped from the candidates."""


@dataclass(frozen=True)
class Filter:
    """Which articles may answer; nothing chosen means all of them."""

    since: str | None = None
    until: str | None = None
    """First and last day of publication, ISO dates; articles without a date are then left out."""
    sources: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    articles: tuple[str, ...] = ()  # ids
    languages: tuple[str, ...] = ()  # codes, as the articles have them

    def __bool__(self) -> bool:
        return self != Filter()

    def narrowed(self, since: str | None, until: str | None) -> "Filter":
        """The filter that also asks for these days; never wider than it was."""
        first = max(filter(None, (self.since, since)), default=None)
        last = min(filter(None, (self.until, until)), default=None)
        return replace(self, since=first, until=last)


@dataclass(frozen=True)
class Evidence:
    """One sentence of a passage, judged against a question. Offsets are the article's."""

    passage: Passage
    start: int
    end: int
    text: str
    probability: float
    """That this sentence answers the question, 0 to 1."""
    speaker: str | None = None
    """Who says it, when the sentence itself names a speaker."""
    answer: str = ""
    """The words in it that answer best, if any sentence is answered by few words."""


@dataclass(frozen=True)
class Copy:
    """Another article with nearly the same text: a reprint, a revised version, the original."""

    article_id: str
    title: str
    source: str | None
    published: str | None
    url: str | None
    similarity: float
    """Share of the shorter text that is in the longer, 0 to 1: see `text.similarity`."""

    @property
    def name(self) -> str:
        """Its outlet, else its title."""
        return self.source or self.title


@dataclass(frozen=True)
class Citation:
    """One numbered source of an answer: ``article.text[start:end] == quote``."""

    number: int
    article_id: str
    title: str
    source: str | None
    published: str | None
    url: str | None
    start: int
    end: int
    quote: str
    context_start: int
    """Where the passage around the quote starts in the article."""
    context: str
    """The passage around the quote."""
    speaker: str | None = None
    also: tuple[Copy, ...] = ()
    """Copies of the article in which the sentence stands, too: with it they are one source."""

    @property
    def also_published_by(self) -> str:
        """Their names, each once: ``Daily Post, Harbour Gazette``."""
        return ", ".join(dict.fromkeys(copy.name for copy in self.also))


@dataclass(frozen=True)
class Turn:
    """One question of a conversation and its answer, as far as a follow-up may refer to them."""

    question: str
    """As it was searched for: it stands alone."""
    answer: str = ""
    """What was answered, without citation marks."""
    titles: tuple[str, ...] = ()
    """Of the articles that were cited, the first cited first."""


@dataclass(frozen=True)
class Generation:
    """What a language model was asked, and what that took."""

    model: str
    prompt: str
    prompt_tokens: int
    answer_tokens: int
    """Tokens as the service counted them, else estimated."""


Verdict = Literal["verified", "weak", "unsupported"]


@dataclass(frozen=True)
class Check:
    """What verification found about one claim of an answer."""

    start: int
    end: int
    """Characters of `Answer.text`, the citation marks included."""
    verdict: Verdict
    """verified: the cited passages say it; weak: they may not; unsupported: part is absent."""
    cited: tuple[int, ...] = ()
    """Numbers of the citations it points to."""
    reasons: tuple[str, ...] = ()
    """What is missing, in words for people; none when verified."""
    fabricated: bool = False
    """It quotes what is in no source, or cites a source that does not exist: it is removed."""


@dataclass(frozen=True)
class ReportedValue:
    """The value that one dated article gives for what is asked."""

    number: int
    """Of the citation that says it."""
    value: str
    """A name, or a number in digits with what limits it: "at least 9"."""
    source: str
    """Outlet of the article, else its title."""
    published: str


@dataclass(frozen=True)
class Disagreement:
    """Dated articles that answer one question with different numbers or names."""

    claims: tuple[ReportedValue, ...]
    """Two or more, the oldest first."""
    latest: int | None = None
    """Number of the citation that is newer than the others; None where that is not certain."""

    def summary(self) -> str:
        """One line: ``The articles disagree: 9 (Gazette, 2024-05-01) [1], 11 (…) [2]; …``."""
        whole = len({claim.published[:10] for claim in self.claims}) < len(self.claims)
        said = [
            f"{c.value} ({c.source}, {c.published if whole else c.published[:10]}) [{c.number}]"
            for c in self.claims
        ]
        newest = [c.value for c in self.claims if c.number == self.latest]
        ending = f"; the later one says {newest[0]}." if newest else "."
        return f"The articles disagree: {', '.join(said)}{ending}"


@dataclass(frozen=True)
class Answer:
    """What a person gets for a question."""

    question: str
    searched_for: str
    """The question that was searched for, abbreviations spelled out."""
    text: str
    """Markdown; ``[n]`` after a sentence points to the citation of that number."""
    answered: bool
    """False: the text says that the articles do not answer, and why."""
    short_answer: str | None = None
    citations: tuple[Citation, ...] = ()
    """The sources of an answer; of a refusal, the nearest passages."""
    passages: tuple[ScoredPassage, ...] = ()
    """The candidates, best first."""
    confidence: float = 0.0
    """Calibrated probability that the articles answer the question."""
    checks: tuple[Check, ...] = ()
    """One for each claim of the text."""
    standalone: str = ""
    """The question as it was understood: it stands alone, its words are spelled right."""
    within: Filter = Filter()
    """The articles asked: what the person chose, and within that the time that narrowed it."""
    period: str = ""
    """How the question says that time; empty: none did."""
    newest_first: bool = False
    """The question asks for the latest: the newest article that answers comes first."""
    disagreements: tuple[Disagreement, ...] = ()
    notice: str = ""
    """What a person should know, such as that the language model failed; empty: nothing."""
    generation: Generation | None = None
    """None where no language model wrote it."""
    timings: dict[str, float] = field(default_factory=dict)
    """Seconds per stage."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of ``assistant ask --json``."""
        found = asdict(replace(self, passages=()))
        cited = "number article_id title source published url start end quote speaker context"
        found["citations"] = [
            {key: one[key] for key in cited.split()} | {"also": list(one["also"])}
            for one in found["citations"]
        ]
        found |= {name: list(found[name]) for name in ("checks", "disagreements")}
        found["within"] = found["within"] if self.within else None
        found["confidence"] = round(self.confidence, 4)
        found["timings"] = {stage: round(seconds, 4) for stage, seconds in self.timings.items()}
        shown = (
            "question searched_for answered short_answer text citations within period newest_first"
            " disagreements checks notice generation confidence timings"
        )
        return {name: found[name] for name in shown.split()}

    def turn(self) -> Turn:
        """What a follow-up may refer to."""
        quoted = (citation.quote for citation in self.citations)
        said = [self.short_answer or "", *quoted] if self.answered else []
        titles = tuple(dict.fromkeys(citation.title for citation in self.citations))
        return Turn(self.standalone or self.question, " ".join(filter(None, said)), titles)


@dataclass(frozen=True)
class Progress:
    """How far a long job is; handed to the caller's callback."""

    done: int
    total: int
    unit: str
    """What is counted: articles, passages."""
    share: float | None = None
    """Share of the work that is done, 0 to 1, where not all of what is counted takes as long."""


ShowProgress = Callable[[Progress], None]
ShowWaiting = Callable[[str], None]
"""Called about twice a second while another process is indexing, with its progress."""

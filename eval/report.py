"""A run as one self-contained page of HTML: it needs no server, no network, and no script to read.

Questions, answers and articles may be hostile: `report.html` escapes all of them, and its
Content-Security-Policy lets only the one script run that it names by hash. Where a run lacks a key
or a measure is null, the page leaves the place empty.
"""

import math
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeGuard

from jinja2 import ChainableUndefined, Environment, FileSystemLoader
from markupsafe import Markup

from eval import plots
from eval.datasets import UNANSWERABLE
from eval.glossary import LOWER_IS_BETTER, MEASURES, OUTCOMES, RIGHT
from eval.measures import squeezed
from eval.statistics import percentile

HERE = Path(__file__).parent
Record = Mapping[str, Any]

HEADLINES = (
    "evidence cited first",
    "evidence hit@5",
    "token F1",
    "false-answer rate",
    "false-refusal rate",
    "quote exactness",
)
STAND_INS = ("evidence hit@1", "evidence MRR", "article hit@5", "article hit@1")
"""Fill the headlines up to `FEWEST` for a run that only retrieves."""
FEWEST = 4
PLOTTED = {
    "Retrieval": ("article hit@5", "evidence hit@1", "evidence hit@5", "evidence MRR"),
    "Answer": ("exact match", "token F1", "ROUGE-L", "semantic similarity"),
    "Citations": ("evidence cited first", "evidence cited", "citation recall", "quote exactness"),
    "Refusal": ("refusal AUROC", "false-answer rate", "false-refusal rate"),
}
BY_KIND = {"evidence cited first": "citations", "evidence hit@5": "retrieval"}
REFUSED = "rightly refused"

AROUND = 200
"""Characters of a passage shown before and after what is cited in it; the rest is cut."""


@dataclass(frozen=True)
class Entry:
    """A question in its place in the report."""

    number: int
    """Its place in the report, from 1."""
    record: Record
    outcome: int
    """Position of its outcome among those of the run."""
    kind: int
    """Position of its kind among those of the run."""
    anchors: tuple[str, ...]
    """The anchors that the counts link to, on the first question of an outcome or kind."""

    @property
    def id(self) -> str:
        """The anchor of the question, the same in every run that asks it."""
        return f"q-{self.record.get('id') or f'number-{self.number}'}"


@dataclass(frozen=True)
class Gold:
    """A piece of evidence, and whether it was cited and retrieved; None if that is unknown."""

    text: str
    cited: bool | None
    retrieved: bool | None


@dataclass(frozen=True)
class Piece:
    """A part of a passage; `number` is the citation that quotes it, None between citations."""

    text: str
    number: int | None = None
    exact: bool = True
    """False if the quote is not what stands at its offsets."""


@dataclass(frozen=True)
class Shown:
    """A passage with what is cited in it."""

    citations: tuple[Record, ...]
    pieces: tuple[Piece, ...]


def write_report(run: Mapping[str, Any], path: Path) -> Path:
    """Writes the report of a run as one file; returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_report(run), encoding="utf-8", errors="replace")  # lone surrogates
    return path


def render_report(run: Mapping[str, Any]) -> str:
    """The report of a run as one HTML document."""
    questions: Sequence[Record] = run.get("questions") or ()
    entries = list(_entries(questions))
    return (
        _environment()
        .get_template("report.html")
        .render(
            run=run,
            css=Markup((HERE / "report.css").read_text(encoding="utf-8")),
            figures=_figures(run.get("summary") or {}),
            groups=list(_groups(run.get("summary") or {})),
            plots=_plots(run),
            legend=_legend(run.get("by_kind") or {}),
            outcomes=_names(questions, "outcome"),
            kinds=_names(questions, "kind"),
            entries=entries,
            counts=Counter((entry.outcome, entry.kind) for entry in entries),
            totals={key: Counter(_name(q, key) for q in questions) for key in ("outcome", "kind")},
        )
    )


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=number, percent=percent, seconds=seconds, style=style, digest=_digest
    )
    environment.globals.update(
        passages=passages,
        gold=gold,
        measured=measured,
        MEANINGS=OUTCOMES,
        RIGHT=RIGHT,
        LOWER_IS_BETTER=LOWER_IS_BETTER,
    )
    return environment


def _digest(script: str) -> str:
    """The hash that names a script in a Content-Security-Policy."""
    return b64encode(sha256(script.encode()).digest()).decode()


# Numbers


def _known(value: Any) -> TypeGuard[float]:
    """Whether the value is a number, not nan or null."""
    return isinstance(value, int | float) and not math.isnan(value)


def number(value: Any, digits: int = 2) -> str:
    """``0.81``, or a dash if it was not measured."""
    return f"{value:.{digits}f}" if _known(value) else "–"


def percent(value: Any) -> str:
    """``81 %``; with a decimal where rounding would turn a near miss into 0 % or 100 %."""
    if not _known(value):
        return "–"
    whole = round(value * 100)
    near = whole in (0, 100) and value not in (0, 1)
    return f"{math.floor(value * 1000) / 10 if near else whole} %"


def seconds(value: Any) -> str:
    """``12 ms`` or ``1.25 s``."""
    return plots.duration(value) if _known(value) else "–"


# The summary


def _figures(summary: Record) -> list[tuple[str, str, Record]]:
    """Name, meaning and interval of the measures in large print."""
    names = [name for name in HEADLINES if _mean(summary, name) is not None]
    spare = [name for name in STAND_INS if _mean(summary, name) is not None]
    names += spare[: max(FEWEST - len(names), 0)]
    said = {name: text for group in MEASURES.values() for name, text in group.items()}
    return [(name, said[name], summary[name]) for name in names]


def _mean(summary: Record, name: str) -> float | None:
    mean = (summary.get(name) or {}).get("mean")
    return mean if _known(mean) else None


def _groups(summary: Record) -> Iterator[tuple[str, list[tuple[str, str, Record]]]]:
    """The measures of the run with their meanings; a group that was not measured is empty."""
    for group, names in _grouped(summary).items():
        rows = [
            (name, MEASURES.get(group, {}).get(name, ""), summary[name] or {}) for name in names
        ]
        yield group, rows if any(_known(value.get("mean")) for *_, value in rows) else []


def _grouped(measures: Record) -> dict[str, list[str]]:
    """The names of the measures by group; those without a group come last."""
    groups = {group: [n for n in names if n in measures] for group, names in MEASURES.items()}
    known = {name for names in groups.values() for name in names}
    groups["Others"] = [name for name in measures if name not in known]
    return {group: names for group, names in groups.items() if names}


# Plots


def _plots(run: Record) -> dict[str, Markup | None]:
    """Each plot by name; None if the run has nothing to show in it."""
    questions: Sequence[Record] = run.get("questions") or ()
    return {
        "measures": _measures_plot(run.get("summary") or {}),
        "kinds": _kinds_plot(run.get("by_kind") or {}),
        "refusal": _refusal_plot(run.get("refusal_curve") or (), questions),
        "latency": _latency_plot(questions),
        "outcomes": _outcomes_plot(questions),
    }


def _bar(name: str, value: Record, style: str) -> plots.Bar | None:
    mean, low, high = (value.get(key) for key in ("mean", "low", "high"))
    if not _known(mean):
        return None
    whole = _known(low) and _known(high)
    return plots.Bar(name, mean, low if whole else None, high if whole else None, style)


def _measures_plot(summary: Record) -> Markup | None:
    rows = []
    for group, names in PLOTTED.items():
        bars = [_bar(name, summary.get(name) or {}, group.lower()) for name in names]
        drawn = [plots.Row(bar.name, (bar,)) for bar in bars if bar]
        rows += [plots.Row(group), *drawn] if drawn else []
    return plots.bars("Main measures with their 95 % intervals", rows) if rows else None


def _kinds_plot(by_kind: Record) -> Markup | None:
    kinds = sorted(by_kind, key=_is_unanswerable)
    rows = [plots.Row(_clipped(kind), _kind_bars(by_kind[kind] or {})) for kind in kinds]
    drawn = [row for row in rows if row.bars]
    return plots.bars("Score by kind of question", drawn) if drawn else None


def _kind_bars(measures: Record) -> tuple[plots.Bar, ...]:
    bars = [_bar(name, measures.get(name) or {}, style) for name, style in BY_KIND.items()]
    return tuple(bar for bar in [*bars, _refused_bar(measures)] if bar)


def _legend(by_kind: Record) -> dict[str, str]:
    """The names of the bars in the plot by kind, and their classes."""
    drawn = {bar.name for kind in by_kind.values() for bar in _kind_bars(kind or {})}
    return {name: css for name, css in {**BY_KIND, REFUSED: "refusal"}.items() if name in drawn}


def _refused_bar(measures: Record) -> plots.Bar | None:
    """The share rightly refused: 1 - the false-answer rate."""
    rate = measures.get("false-answer rate") or {}
    rest = {key: 1 - rate[key] for key in ("mean", "low", "high") if _known(rate.get(key))}
    ends = {"low": rest.get("high"), "high": rest.get("low")}
    return _bar(REFUSED, {**rest, **ends}, "refusal")


def _clipped(text: str, room: int = 22) -> str:
    return text if len(text) <= room else f"{text[: room - 1]}…"


def _refusal_plot(curve: Iterable[Record], questions: Sequence[Record]) -> Markup | None:
    points = [(point.get("recall"), point.get("precision")) for point in curve]
    drawn = [(x, y) for x, y in points if _known(x) and _known(y)]
    if not drawn:
        return None
    judged = [_unanswerable(q) for q in questions if q.get("answer")]
    return plots.curve(
        "Precision and recall of refusing, by threshold",
        drawn,
        x_name="recall",
        y_name="precision",
        here=operating_point(questions),
        base=sum(judged) / len(judged) if judged else None,
    )


def operating_point(questions: Sequence[Record]) -> tuple[float, float] | None:
    """Recall and precision of a run's refusals; None if there was nothing to refuse."""
    answered = [question for question in questions if question.get("answer")]
    refused = [_unanswerable(q) for q in answered if not q["answer"].get("answered")]
    unanswerable = sum(map(_unanswerable, answered))
    if not refused or not unanswerable:
        return None
    return sum(refused) / unanswerable, sum(refused) / len(refused)


def _unanswerable(question: Record) -> bool:
    return _is_unanswerable(_name(question, "kind"))


def _is_unanswerable(kind: str) -> bool:
    return kind.startswith(UNANSWERABLE)


def _latency_plot(questions: Sequence[Record]) -> Markup | None:
    values = [total for q in questions if (total := _total_seconds(q)) is not None]
    if not values:
        return None
    marks = [(f"p{q}", percentile(values, q)) for q in (50, 95)]
    return plots.histogram("Seconds per question", values, marks)


def _total_seconds(question: Record) -> float | None:
    timings = (question.get("answer") or {}).get("timings") or {}
    stages = [value for stage, value in timings.items() if stage != "total" and _known(value)]
    total = timings.get("total", sum(stages) if stages else None)
    return total if _known(total) else None


def _outcomes_plot(questions: Sequence[Record]) -> Markup | None:
    counts = Counter(_name(question, "outcome") for question in questions)
    names = _names(questions, "outcome")
    parts = [plots.Part(name, counts[name], style(name)) for name in names]
    return plots.stacked("Questions by outcome", parts) if parts else None


# The questions


def _name(question: Record, key: str) -> str:
    return str(question.get(key) or "unknown")


def style(outcome: str) -> str:
    """The class of an outcome's colour."""
    return f"o-{outcome}".replace(" ", "-") if outcome in OUTCOMES else "o-unknown"


def _names(questions: Sequence[Record], key: str) -> list[str]:
    """The outcomes or kinds that occur: those in `OUTCOMES` in its order, others as they come."""
    names = dict.fromkeys(_name(question, key) for question in questions)
    known = [name for name in OUTCOMES if name in names]
    return known + sorted((n for n in names if n not in OUTCOMES), key=_is_unanswerable)


def _entries(questions: Sequence[Record]) -> Iterator[Entry]:
    """The questions by outcome, the wrong ones first, then by kind."""
    outcomes, kinds = _names(questions, "outcome"), _names(questions, "kind")
    placed = [
        (outcomes.index(_name(q, "outcome")), kinds.index(_name(q, "kind")), q) for q in questions
    ]
    met: set[str] = set()
    for at, (outcome, kind, record) in enumerate(sorted(placed, key=lambda p: p[:2]), start=1):
        anchors = tuple(a for a in (f"o{outcome}-k{kind}", f"k{kind}") if a not in met)
        met.update(anchors)
        yield Entry(at, record, outcome, kind, anchors)


def measured(question: Record) -> dict[str, dict[str, Any]]:
    """The measures of a question by group; a group without any is empty."""
    values = question.get("measures") or {}
    groups = {g: {n: values[n] for n in names} for g, names in _grouped(values).items()}
    return {g: rows if any(map(_known, rows.values())) else {} for g, rows in groups.items()}


def gold(question: Record) -> list[Gold]:
    """Each piece of evidence of a question, and whether it was cited and retrieved."""
    answer = question.get("answer")
    cited = _citations(answer) if answer and answer.get("answered") else ()
    quotes = [squeezed(citation.get("quote") or "") for citation in cited]
    return [
        Gold(text, _overlaps(squeezed(text), quotes) if answer else None, _held(text, question))
        for text in question.get("evidence") or ()
    ]


def _overlaps(evidence: str, quotes: Iterable[str]) -> bool:
    return any(quote and (quote in evidence or evidence in quote) for quote in quotes)


def _held(evidence: str, question: Record) -> bool | None:
    """Whether a retrieved passage holds it; a run only tells which hold any evidence."""
    if not any(passage.get("gold") for passage in question.get("retrieved") or ()):
        return False
    contexts = (c.get("context") or "" for c in _citations(question.get("answer")))
    if any(squeezed(evidence) in squeezed(context) for context in contexts):
        return True
    recall = (question.get("measures") or {}).get("evidence recall@10")
    return True if len(question.get("evidence") or ()) == 1 or recall == 1 else None


def _citations(answer: Record | None) -> Sequence[Record]:
    return (answer or {}).get("citations") or ()


def passages(answer: Record | None) -> list[Shown]:
    """The passages that an answer cites, in the order of their first citation."""
    places: dict[tuple[Any, Any], list[Record]] = {}
    for citation in _citations(answer):
        place = citation.get("article_id"), citation.get("context_start")
        places.setdefault(place, []).append(citation)
    return [Shown(tuple(cited), tuple(_pieces(cited))) for cited in places.values()]


def _pieces(citations: Sequence[Record]) -> Iterator[Piece]:
    """The passage cut at the offsets of its citations, which count code points."""
    context, shift = citations[0].get("context") or "", citations[0].get("context_start") or 0
    at = 0
    for citation in sorted(citations, key=lambda c: c.get("start") or 0):
        start, end = (
            min(max((citation.get(key) or 0) - shift, 0), len(context)) for key in ("start", "end")
        )
        exact = context[start:end] == (citation.get("quote") or "")
        yield Piece(_cut(context[at:start], head=at > 0, tail=True))
        yield Piece(context[max(at, start) : end], citation.get("number"), exact)
        at = max(at, end)
    yield Piece(_cut(context[at:], head=at > 0, tail=False))


def _cut(text: str, *, head: bool, tail: bool) -> str:
    """The text without its middle, or without the side away from the citation."""
    if len(text) <= AROUND * (head + tail) + AROUND // 4:
        return text
    first = text[:AROUND].rsplit(" ", 1)[0] if head else ""
    last = text[-AROUND:].split(" ", 1)[-1] if tail else ""
    return f"{first} … {last}"

"""What the command line prints: plans, progress, answers as they grow, JSON."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from assistant.corpus.plan import ChangeKind, Plan
    from assistant.schema import Answer, Progress

MOST_LINES = 100
"""Changes of one kind that are listed."""


def print_plan(plan: "Plan", *, as_json: bool = False) -> None:
    """Prints what a sync or an import did, or will do, and its summary."""
    if as_json:
        print_json(_plan_as_json(plan))
        return
    _print_changes(plan)
    if plan.changes or not plan.notes:
        click.echo(plan.summary())


def print_event(plan: "Plan", *, as_json: bool = False) -> None:
    """Prints what happened while something is followed: lines, or one line of JSON."""
    if as_json:
        click.echo(json.dumps(_plan_as_json(plan), ensure_ascii=False))
    else:
        _print_changes(plan)


def _print_changes(plan: "Plan") -> None:
    kinds: tuple[ChangeKind, ...] = ("new", "changed", "moved", "removed")
    for kind in kinds:
        _print_lines(kind, [change.path for change in plan.of(kind)])
    print_likenesses(plan)
    print_failures(plan)
    for note in plan.notes:
        click.echo(note)


def print_likenesses(plan: "Plan") -> None:
    """Prints which articles are near-duplicates of others."""
    _print_lines("copy", plan.likenesses)


def print_failures(plan: "Plan") -> None:
    """Prints on standard error why files failed."""
    _print_lines("failed", [change.error for change in plan.failures], err=True)


def _print_lines(kind: str, lines: Sequence[str], *, err: bool = False) -> None:
    """Prints lines behind their kind; of very many, the first."""
    for line in lines[:MOST_LINES]:
        click.echo(f"{kind:9} {line}", err=err)
    if (more := len(lines) - MOST_LINES) > 0:
        rest = f"… and {more:,} more; sync and add list all with --json"
        click.echo(f"{kind:9} {rest}", err=err)


def _plan_as_json(plan: "Plan") -> dict[str, Any]:
    changes = [
        {
            "kind": c.kind,
            "path": c.path,
            "id": c.article_id,
            "error": c.error,
            "copy_of": [copy.article_id for copy in c.copies],
        }
        for c in plan.changes
    ]
    return {"summary": plan.summary(), "changes": changes, "notes": plan.notes}


_BAR = "{desc}: {percentage:3.0f}%|{bar}| [{elapsed}<{remaining}]"
"""The remaining time follows the share of the work: a long article takes longer than a note."""


@contextmanager
def progress_bar() -> "Iterator[Callable[[Progress], None]]":
    """A function that shows progress as a bar, with its speed and the remaining time."""
    from tqdm import tqdm

    # It appears with the first progress: a sync with nothing to do draws nothing.
    bars: list[tqdm[Any]] = []
    begun: list[int] = []

    def show(progress: "Progress") -> None:
        if not bars or bars[-1].unit != progress.unit:
            bars.append(tqdm(total=1.0, unit=progress.unit, bar_format=_BAR))
            begun.append(progress.done)
        share = progress.share
        share = progress.done / max(progress.total, 1) if share is None else share
        counted = f"{progress.done}/{progress.total} {progress.unit}"
        if (since := progress.done - begun[-1]) > 0:  # earlier work was not timed here
            counted += f", {since / max(bars[-1].format_dict['elapsed'], 1e-3):,.1f} a second"
        bars[-1].set_description_str(counted, refresh=False)
        bars[-1].update(share - bars[-1].n)

    try:
        yield show
    finally:
        for bar in bars:
            bar.close()


def print_waiting(message: str) -> None:
    """Prints what the command waits for; the next message overwrites it."""
    click.echo(f"\r{message}", err=True, nl=False)


def print_json(value: object) -> None:
    """Prints JSON for programs; dataclasses become objects."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=asdict))


def print_growing(answers: "Iterator[Answer]") -> "Answer":
    """Prints an answer as it grows, from the start again if its beginning changes; returns it."""
    printed = ""
    for answer in answers:
        if not answer.text.startswith(printed):
            click.echo("\n")
            printed = ""
        click.echo(answer.text[len(printed) :], nl=False)
        printed = answer.text
    click.echo()
    return answer


def print_sources(answer: "Answer") -> None:
    """Prints what belongs to an answer below its text: remarks, doubts, and its sources."""
    for remark in _remarks(answer):
        click.echo(f"\n{remark}")
    for check in answer.checks:
        if check.reasons and answer.generation is not None:
            said = " ".join(answer.text[check.start : check.end].split())
            click.echo(f"\n{check.verdict}: {said}\n    {'; '.join(check.reasons)}")
    if answer.citations:
        click.echo("\nSources" if answer.answered else "\nNearest passages")
    for citation in answer.citations:
        where = ", ".join(filter(None, (citation.source, citation.published, citation.url)))
        click.echo(f"[{citation.number}] {citation.title}{f' ({where})' if where else ''}")
        click.echo(f"    {citation.article_id} {citation.start}-{citation.end}")
        if citation.also:
            click.echo(f"    also published by {citation.also_published_by}")
        if not answer.answered:
            click.echo(f"    {' '.join(citation.quote.split())}")


def _remarks(answer: "Answer") -> Iterator[str]:
    """What a person should know about an answer, a sentence each."""
    yield from (disagreement.summary() for disagreement in answer.disagreements)
    if answer.newest_first:
        yield "The newest of the articles that answer comes first."
    if answer.period:
        yield f"Only articles of the time “{answer.period}” were asked."
    if answer.notice:
        yield answer.notice

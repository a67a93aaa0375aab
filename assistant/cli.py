"""The command line: translates between a terminal and the façade.

Only click is imported at the top: ``assistant --help`` answers before numpy would be loaded.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from assistant.assistant import Assistant
    from assistant.schema import Answer, Plan, Progress
    from assistant.settings import Settings

as_json = click.option("--json", "as_json", is_flag=True, help="print JSON for programs")


class _Commands(click.Group):
    """Turns the program's errors into one line on standard error and exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        from assistant.errors import AssistantError

        try:
            return super().invoke(ctx)
        except AssistantError as error:
            click.echo(f"assistant: {error}", err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("\nassistant: stopped; the same command again goes on from here", err=True)
            ctx.exit(130)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--corpus", type=click.Path(path_type=Path), help="folder of article files")
@click.option("--data", type=click.Path(path_type=Path), help="folder of the index")
@click.version_option(package_name="news-assistant", message="%(version)s")
@click.pass_context
def main(context: click.Context, corpus: Path | None, data: Path | None) -> None:
    """Answers questions from articles, with the sentences each answer rests on.

    \b
    assistant sync
    assistant ask "what did Galuzin say about the EU mission"
    """
    context.obj = {"corpus": corpus, "data": data}


def _settings(**chosen: Any) -> "Settings":
    from assistant.settings import load_settings

    return load_settings(**click.get_current_context().find_root().obj, **chosen)


@contextmanager
def _assistant(**chosen: Any) -> Iterator["Assistant"]:
    from assistant.assistant import open_assistant

    with open_assistant(_settings(**chosen)) as assistant:
        yield assistant


def _day(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    from datetime import date

    try:
        return value and date.fromisoformat(value).isoformat()
    except ValueError as error:
        raise click.BadParameter("write the day as 2026-11-24") from error


@main.command()
@click.argument("question")
@click.option("--since", callback=_day, metavar="DAY", help="only articles published since then")
@click.option("--until", callback=_day, metavar="DAY", help="only articles published until then")
@click.option("--source", "sources", multiple=True, help="only articles of this outlet")
@click.option("--author", "authors", multiple=True, help="only articles of this author")
@as_json
def ask(
    question: str,
    since: str | None,
    until: str | None,
    sources: tuple[str, ...],
    authors: tuple[str, ...],
    as_json: bool,
) -> None:
    """Answer QUESTION from the articles.

    \b
    assistant ask "what did Galuzin say about the EU mission"
    assistant ask --json "who chairs the EAEU" | python -m json.tool
    assistant ask --since 2026-11-01 --source Tass "what did Galuzin say"
    """
    from assistant.schema import Filter

    within = Filter(since, until, sources, authors)
    with _assistant() as assistant:
        if as_json:
            _print_json(assistant.ask(question, within=within).to_dict())
            return
        answer = _print_growing(assistant.stream(question, within=within))
    if answer.period:
        click.echo(f"\nOnly articles of the time “{answer.period}” were asked.")
    if answer.notice:
        click.echo(f"\n{answer.notice}")
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
        if not answer.answered:
            click.echo(f"    {' '.join(citation.quote.split())}")


def _print_growing(answers: "Iterator[Answer]") -> "Answer":
    """Prints an answer as it grows; anew from its beginning where it turns out to be another."""
    printed = ""
    for answer in answers:
        if not answer.text.startswith(printed):
            click.echo("\n")
            printed = ""
        click.echo(answer.text[len(printed) :], nl=False)
        printed = answer.text
    click.echo()
    return answer


@main.command()
@click.option("--host", help="address to listen on")
@click.option("--port", type=int, help="port to listen on; 0 takes a free one")
def chat(host: str | None, port: int | None) -> None:
    """Bring the index up to date and serve the web page.

    \b
    assistant chat
    assistant --corpus ~/articles chat --port 8000
    """
    with _assistant(host=host, port=port) as assistant:
        plan = _sync(assistant)
        click.echo(f"Articles: {plan.summary()}")
        _print_failures(plan)
        from assistant.web.app import serve

        serve(assistant, assistant.settings.host, assistant.settings.port)


@main.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@as_json
def add(sources: tuple[str, ...], as_json: bool) -> None:
    """Put files, folders, web pages or feeds into the corpus and index them.

    Reads text, Markdown, HTML, PDF, Word, EPUB and RTF; lists (JSONL, CSV) and ZIP archives of
    many; addresses of pages and of RSS or Atom feeds. Adding twice changes nothing.

    \b
    assistant add interview.txt
    assistant add ~/clippings report.pdf export.csv
    assistant add https://example.org/news/report.html
    """
    with _assistant() as assistant, _progress_bar() as progress:
        plan = assistant.add(sources, progress=progress, waiting=_print_waiting)
    _print_plan(plan, as_json)
    _exit(plan)


@main.command()
@click.option("--dry-run", is_flag=True, help="print the plan and stop")
@as_json
def sync(dry_run: bool, as_json: bool) -> None:
    """Make the index hold what the corpus folder holds.

    \b
    assistant sync --dry-run
    assistant sync
    """
    with _assistant() as assistant:
        if dry_run:
            plan = assistant.plan()
            _print_plan(plan, as_json)
        else:
            plan = _sync(assistant, None if as_json else lambda plan: _print_plan(plan, False))
            if as_json:
                _print_plan(plan, True)
    _exit(plan)


@main.command("list")
@click.argument("matching", default="")
@as_json
def list_(matching: str, as_json: bool) -> None:
    """List the indexed articles, newest first; MATCHING looks in title, outlet and id.

    \b
    assistant list
    assistant list armenia --json
    """
    with _assistant() as assistant:
        found = assistant.articles(matching)
    if as_json:
        _print_json([asdict(article) for article in found])
        return
    for article in found:
        click.echo(f"{article.published or '-':10}  {article.id}  {article.title}")
    click.echo(f"{len(found)} articles", err=True)


@main.command()
@click.argument("article_id", metavar="ID")
@as_json
def show(article_id: str, as_json: bool) -> None:
    """Print the article with this ID as it is indexed.

    \b
    assistant show galuzin-csto-tass.txt
    assistant show galuzin-csto-tass.txt --json
    """
    with _assistant() as assistant:
        article = assistant.article(article_id)
        passages = assistant.passages(article_id)
    if as_json:
        spans = [{"start": p.start, "end": p.end} for p in passages]
        _print_json(asdict(article) | {"passages": spans})
        return
    facts = (article.source, article.published, article.url, ", ".join(article.authors))
    click.echo("\n".join(filter(None, (article.title, *facts))))
    click.echo(f"\n{article.text}")


@main.command()
@click.argument("article_id", metavar="ID")
@as_json
def remove(article_id: str, as_json: bool) -> None:
    """Remove the article with this ID; its file is set aside, not deleted.

    \b
    assistant remove galuzin-csto-tass.txt
    assistant remove https://example.org/report --json
    """
    with _assistant() as assistant:
        aside = assistant.remove(article_id)
    if as_json:
        _print_json({"removed": article_id, "file": str(aside) if aside else None})
    else:
        click.echo(f"removed {article_id}" + (f"; its file is now {aside}" if aside else ""))


@main.command()
@as_json
def doctor(as_json: bool) -> None:
    """Check that corpus, index and models agree, and mend what can be mended.

    \b
    assistant doctor
    assistant --corpus ~/articles doctor --json
    """
    from assistant.doctor import examine

    findings = examine(_settings())
    if as_json:
        _print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            mark = "mended" if finding.mended else "ok" if finding.ok else "FAILED"
            click.echo(f"{mark:7} {finding.part}: {finding.message}")
    if not all(finding.ok for finding in findings):
        sys.exit(1)


def _sync(assistant: "Assistant", show: "Callable[[Plan], None] | None" = None) -> "Plan":
    with _progress_bar() as progress:
        return assistant.sync(show=show, progress=progress, waiting=_print_waiting)


@contextmanager
def _progress_bar() -> "Iterator[Callable[[Progress], None]]":
    from tqdm import tqdm

    # It appears with the first progress: a sync with nothing to do draws nothing.
    bars: list[tqdm[Any]] = []

    def show(progress: "Progress") -> None:
        if not bars:
            bars.append(tqdm(total=progress.total, unit=f" {progress.unit}", desc="Indexing"))
        bars[0].update(progress.done - bars[0].n)

    try:
        yield show
    finally:
        for bar in bars:
            bar.close()


def _print_waiting(message: str) -> None:
    click.echo(f"\r{message}", err=True, nl=False)


def _print_plan(plan: "Plan", as_json: bool) -> None:
    if as_json:
        shown = [
            {"kind": c.kind, "path": c.path, "id": c.article_id, "error": c.error}
            for c in plan.changes
        ]
        _print_json({"summary": plan.summary(), "changes": shown})
        return
    for change in plan.of("new", "changed", "moved", "removed"):
        click.echo(f"{change.kind:9} {change.path}")
    _print_failures(plan)
    click.echo(plan.summary())


def _print_failures(plan: "Plan") -> None:
    for change in plan.failures:
        click.echo(f"failed    {change.error}", err=True)


def _exit(plan: "Plan") -> None:
    """Exit status 1 when a file failed, so that scripts notice."""
    if plan.failures:
        sys.exit(1)


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))

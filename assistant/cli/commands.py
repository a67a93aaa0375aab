"""The command line: translates between a terminal and the façade.

Only click is imported at the top: ``assistant --help`` answers before numpy would be loaded.
"""

import atexit
import gc
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assistant.cli.output import (
    print_event,
    print_failures,
    print_growing,
    print_json,
    print_likenesses,
    print_plan,
    print_waiting,
    progress_bar,
    remarks,
)

if TYPE_CHECKING:
    from assistant.assistant import Assistant
    from assistant.corpus.plan import Plan
    from assistant.corpus.transfer.manifest import Transfer
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
    # At the end, Python looks at each object once more: torch's take 1.3 of the 5.9 seconds that a
    # command spends.
    atexit.register(gc.freeze)
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


def _seconds(_context: click.Context, _option: click.Parameter, value: str | None) -> float | None:
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    if value is None:
        return None
    try:
        return float(value[:-1]) * units[value[-1:]]
    except (KeyError, ValueError) as error:
        raise click.BadParameter("write the time as 15m, 2h or 1d") from error


@contextmanager
def _until_stopped() -> Iterator[None]:
    """Ctrl-C and SIGTERM end what has no end of its own: the status is 0."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        click.echo("\nassistant: stopped; the same command again goes on from here", err=True)
    finally:
        signal.signal(signal.SIGTERM, before)


@main.command()
@click.argument("question")
@click.option("--since", callback=_day, metavar="DAY", help="only articles published since then")
@click.option("--until", callback=_day, metavar="DAY", help="only articles published until then")
@click.option("--source", "sources", multiple=True, help="only articles of this outlet")
@click.option("--author", "authors", multiple=True, help="only articles of this author")
@click.option("--article", "articles", multiple=True, help="only the article of this id")
@as_json
def ask(
    question: str,
    since: str | None,
    until: str | None,
    sources: tuple[str, ...],
    authors: tuple[str, ...],
    articles: tuple[str, ...],
    as_json: bool,
) -> None:
    """Answer QUESTION from the articles.

    \b
    assistant ask "what did Galuzin say about the EU mission"
    assistant ask --json "who chairs the EAEU" | python -m json.tool
    assistant ask --since 2026-11-01 --source Tass "what did Galuzin say"
    """
    from assistant.schema import Filter

    within = Filter(since, until, sources, authors, articles)
    with _assistant() as assistant:
        if as_json:
            print_json(assistant.ask(question, within=within).to_dict())
            return
        answer = print_growing(assistant.stream(question, within=within))
    for remark in remarks(answer):
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


@main.command()
@click.option("--host", help="address to listen on")
@click.option("--port", type=int, help="port to listen on; 0 takes a free one")
@click.option("--watch", is_flag=True, help="index what changes in the corpus folder meanwhile")
def chat(host: str | None, port: int | None, watch: bool) -> None:
    """Bring the index up to date and serve the web page.

    \b
    assistant chat
    assistant chat --watch
    assistant --corpus ~/articles chat --port 8000
    """
    with _assistant(host=host, port=port) as assistant:
        plan = _sync(assistant, background=True)
        click.echo(f"Articles: {plan.summary()}")
        print_failures(plan)
        from assistant.web.app import serve

        with _watched(assistant) if watch else nullcontext():
            serve(assistant, assistant.settings.host, assistant.settings.port)


@contextmanager
def _watched(assistant: "Assistant") -> Iterator[None]:
    """Follows the corpus folder in the background."""
    from assistant.corpus.pace import Pace
    from assistant.errors import AssistantError

    stop = threading.Event()

    def print_changes() -> None:
        try:
            for plan in assistant.watch(Pace(stop)):
                print_event(plan, False)
        except AssistantError as error:
            click.echo(f"assistant: the folder is not followed any more: {error}", err=True)

    thread = threading.Thread(target=print_changes, name="watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@main.command()
@click.argument("sources", nargs=-1, metavar="SOURCE...")
@click.option("--follow", is_flag=True, help="go on reading these feeds, or all followed before")
@click.option(
    "--every",
    callback=_seconds,
    metavar="TIME",
    help="how often a followed feed is asked: 15m, 2h, 1d; 30m unless given",
)
@as_json
def add(sources: tuple[str, ...], follow: bool, every: float | None, as_json: bool) -> None:
    """Put files, folders, web pages or feeds into the corpus and index them.

    Reads text, Markdown, HTML, PDF, Word, EPUB and RTF; lists (JSONL, CSV) and ZIP archives of
    many; addresses of pages and of RSS or Atom feeds. Adding twice changes nothing.

    With --follow, feeds (or pages that name one) are asked again and again, until Ctrl-C, and what
    is new is added; what was followed is remembered, and without SOURCE all of it is followed. A
    feed is never asked more often than it or its site allows.

    \b
    assistant add interview.txt
    assistant add ~/clippings report.pdf export.csv
    assistant add https://example.org/news/report.html
    assistant add https://example.org/feed.xml --follow --every 1h
    """
    if follow:
        _follow(sources, every, as_json)
        return
    if not sources:
        raise click.UsageError("name a SOURCE: a file, a folder or an address")
    if every is not None:
        raise click.UsageError("--every goes with --follow")
    with _assistant() as assistant, progress_bar() as progress:
        plan = assistant.add(sources, progress=progress, waiting=print_waiting)
    print_plan(plan, as_json)
    _exit(plan)


def _follow(sources: tuple[str, ...], every: float | None, as_json: bool) -> None:
    from assistant.corpus.incoming import is_address
    from assistant.corpus.pace import Pace

    for source in sources:
        if not is_address(source):
            raise click.UsageError(f"{source}: only feeds are followed; `assistant watch` folders")
    failed = True
    with _until_stopped(), _assistant() as assistant:
        for plan in assistant.follow(sources, Pace(every=every, waiting=print_waiting)):
            failed = failed and bool(plan.failures)
            print_event(plan, as_json)
    if failed:
        sys.exit(1)


@main.command()
@click.option("--poll", is_flag=True, help="for folders of other machines, which tell no changes")
@as_json
def watch(poll: bool, as_json: bool) -> None:
    """Follow the corpus folder, and index what changes in it, until Ctrl-C.

    Hidden files and those that are not whole yet (.part, .crdownload, …~) are not looked at. A
    folder that vanishes is waited for: nothing in it counts as removed.

    \b
    assistant watch
    assistant --corpus /mnt/server/articles watch --poll
    """
    from assistant.corpus.pace import Pace

    with _until_stopped(), _assistant() as assistant:
        print_event(_sync(assistant, background=True), as_json)
        click.echo(f"watching {assistant.settings.corpus} (Ctrl-C stops)", err=True)
        for plan in assistant.watch(Pace(waiting=print_waiting), polling=poll):
            print_event(plan, as_json)


@main.command()
@click.option("--unfollow", metavar="URL", help="follow this feed no longer; its articles stay")
@as_json
def feeds(unfollow: str | None, as_json: bool) -> None:
    """List the feeds that were added or followed.

    \b
    assistant feeds
    assistant feeds --unfollow https://example.org/feed.xml
    """
    with _assistant() as assistant:
        if unfollow is not None:
            assistant.unfollow(unfollow)
        found = assistant.feeds()
    if as_json:
        print_json([asdict(feed) for feed in found])
        return
    for feed in found:
        click.echo(f"{'followed' if feed.followed else 'read':9} {feed.url}")
        if feed.problem:
            click.echo(f"{'':9} {feed.problem}")
        if feed.waiting:
            click.echo(f"{'':9} {feed.waiting} articles not fetched yet")
    click.echo(f"{len(found)} feeds", err=True)


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
            print_plan(plan, as_json)
        else:
            plan = _sync(assistant, None if as_json else lambda plan: print_plan(plan, False))
            if as_json:
                print_plan(plan, True)
            else:
                print_likenesses(plan)
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
        print_json([asdict(article) for article in found])
        return
    for article in found:
        copies = f"  (copies: {article.copies})" if article.copies else ""
        click.echo(f"{article.published or '-':10}  {article.id}  {article.title}{copies}")
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
        copies = assistant.copies(article_id)
    if as_json:
        spans = [{"start": p.start, "end": p.end} for p in passages]
        print_json(asdict(article) | {"passages": spans, "copies": list(map(asdict, copies))})
        return
    facts = (article.source, article.published, article.url, ", ".join(article.authors))
    click.echo("\n".join(filter(None, (article.title, *facts))))
    for copy in copies:
        where = ", ".join(filter(None, (copy.source, copy.published)))
        click.echo(f"nearly the same: {copy.article_id}{f' ({where})' if where else ''}")
    click.echo(f"\n{article.text}")


@main.command()
@click.argument("article_id", metavar="ID")
@click.option("--title", help="the headline")
@click.option("--source", help="the outlet")
@click.option("--author", "authors", multiple=True, help="a name; repeat it for several")
@click.option("--date", "published", metavar="DAY", help="day of publication, as 2026-11-24")
@click.option("--url", help="the address on the web; it becomes the ID")
@click.option("--language", help="its code, as en or de")
@as_json
def correct(article_id: str, authors: tuple[str, ...], as_json: bool, **facts: Any) -> None:
    """Correct facts of the article with this ID in its file; an empty value takes one away.

    \b
    assistant correct galuzin-csto-tass.txt --source Tass --date 2026-11-24
    assistant correct galuzin-csto-tass.txt --author "Ann Example" --author "Bo Example"
    assistant correct report.md --date ""
    """
    if not authors and not any(value is not None for value in facts.values()):
        raise click.UsageError("say what to correct, as --title, --date or --source")
    given = [name for name in authors if name.strip()] if authors else None
    with _assistant() as assistant:
        change = assistant.correct(article_id, authors=given, **facts)
    if as_json:
        print_json({"kind": change.kind, "path": change.path, "id": change.article_id})
    elif change.kind == "unchanged":
        click.echo(f"{article_id} says so already")
    else:
        click.echo(f"corrected {change.article_id} in {change.path}")


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
        print_json({"removed": article_id, "file": str(aside) if aside else None})
    else:
        click.echo(f"removed {article_id}" + (f"; its file is now {aside}" if aside else ""))


@main.command()
@click.argument("archive", type=click.Path(path_type=Path), metavar="FILE")
@as_json
def export(archive: Path, as_json: bool) -> None:
    """Write the corpus with its index into FILE, to move it to another machine.

    Articles, vectors, feeds and all else that the index holds go along; files of removed articles,
    evaluation runs and feedback do not. Others may go on asking and adding meanwhile.

    \b
    assistant export articles.tar
    assistant --corpus ~/articles export /mnt/stick/articles.tar
    """
    with _assistant() as assistant, progress_bar() as progress:
        done = assistant.export(archive, progress=progress)
    _print_transfer(f"exported to {done.path}", done, as_json)


@main.command("import")
@click.argument("archive", type=click.Path(path_type=Path), metavar="FILE")
@as_json
def import_(archive: Path, as_json: bool) -> None:
    """Make a corpus with its index of FILE, which `assistant export` wrote.

    The corpus folder must be empty, or not be there yet. Nothing is embedded again.

    \b
    assistant --corpus ~/articles import articles.tar
    assistant --corpus ~/articles import /mnt/stick/articles.tar --json
    """
    from assistant.corpus.transfer.importing import import_corpus

    settings = _settings()
    with progress_bar() as progress:
        done = import_corpus(archive, settings.corpus, settings.data_folder, progress)
    _print_transfer(f"imported into {done.path}", done, as_json)


def _print_transfer(what: str, done: "Transfer", as_json: bool) -> None:
    if as_json:
        print_json(asdict(done))
        return
    for reason in done.left_out:
        click.echo(f"left out  {reason}", err=True)
    size = f"{done.size / 1e6:.1f} MB"
    click.echo(f"{what}: {done.articles} articles, {done.passages} passages, {size}")


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
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            mark = "mended" if finding.mended else "ok" if finding.ok else "FAILED"
            click.echo(f"{mark:7} {finding.part}: {finding.message}")
    if not all(finding.ok for finding in findings):
        sys.exit(1)


def _sync(
    assistant: "Assistant",
    show: "Callable[[Plan], None] | None" = None,
    background: bool = False,
) -> "Plan":
    with progress_bar() as progress:
        return assistant.sync(
            show=show, progress=progress, waiting=print_waiting, background=background
        )


def _exit(plan: "Plan") -> None:
    """Exit status 1 when a file failed, so that scripts notice."""
    if plan.failures:
        sys.exit(1)

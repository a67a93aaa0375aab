"""The commands that bring articles into the index: once, until stopped, or behind the page."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from assistant.cli import output
from assistant.cli.commands import STOPPED, as_json, main, opened

if TYPE_CHECKING:
    from assistant.assistant import Assistant
    from assistant.corpus.plan import Plan


def _synced(assistant: "Assistant", **how: Any) -> "Plan":
    """Brings the index up to date behind a progress bar; `Assistant.sync` says how."""
    with output.progress_bar() as progress:
        return assistant.sync(progress=progress, waiting=output.print_waiting, **how)


def _seconds(_context: click.Context, _option: click.Parameter, value: str | None) -> float | None:
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    if value is None:
        return None
    try:
        return float(value[:-1]) * units[value[-1:]]
    except (KeyError, ValueError) as error:
        raise click.BadParameter("write the time as 15m, 2h or 1d") from error


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
def add(sources: tuple[str, ...], *, follow: bool, every: float | None, as_json: bool) -> None:
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
        _follow(sources, every, as_json=as_json)
        return
    if not sources:
        raise click.UsageError("name a SOURCE: a file, a folder or an address")
    if every is not None:
        raise click.UsageError("--every goes with --follow")
    with opened() as assistant, output.progress_bar() as progress:
        plan = assistant.add(sources, progress=progress, waiting=output.print_waiting)
    output.print_plan(plan, as_json=as_json)
    if plan.failures:
        sys.exit(1)


def _follow(sources: tuple[str, ...], every: float | None, *, as_json: bool) -> None:
    from assistant.corpus.incoming import is_address
    from assistant.corpus.pace import Pace

    for source in sources:
        if not is_address(source):
            raise click.UsageError(f"{source}: only feeds are followed; `assistant watch` folders")
    failed = True
    with _until_stopped(), opened() as assistant:
        for plan in assistant.follow(sources, Pace(every=every, waiting=output.print_waiting)):
            failed = failed and bool(plan.failures)
            output.print_event(plan, as_json=as_json)
    if failed:
        sys.exit(1)


@contextmanager
def _until_stopped() -> Iterator[None]:
    """Ctrl-C and SIGTERM end a command that has no end of its own; its status is 0."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        click.echo(STOPPED, err=True)
    finally:
        signal.signal(signal.SIGTERM, before)


@main.command()
@click.option("--poll", is_flag=True, help="for folders of other machines, which tell no changes")
@as_json
def watch(*, poll: bool, as_json: bool) -> None:
    """Follow the corpus folder, and index what changes in it, until Ctrl-C.

    Hidden files and those that are not whole yet (.part, .crdownload, …~) are not looked at. A
    folder that vanishes is waited for: nothing in it counts as removed.

    \b
    assistant watch
    assistant --corpus /mnt/server/articles watch --poll
    """
    from assistant.corpus.pace import Pace

    with _until_stopped(), opened() as assistant:
        output.print_event(_synced(assistant, background=True), as_json=as_json)
        click.echo(f"watching {assistant.settings.corpus} (Ctrl-C stops)", err=True)
        for plan in assistant.watch(Pace(waiting=output.print_waiting), polling=poll):
            output.print_event(plan, as_json=as_json)


@main.command()
@click.option("--unfollow", metavar="URL", help="follow this feed no longer; its articles stay")
@as_json
def feeds(unfollow: str | None, *, as_json: bool) -> None:
    """List the feeds that were added or followed.

    \b
    assistant feeds
    assistant feeds --unfollow https://example.org/feed.xml
    """
    with opened() as assistant:
        if unfollow is not None:
            assistant.unfollow(unfollow)
        found = assistant.feeds()
    if as_json:
        output.print_json(found)
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
def sync(*, dry_run: bool, as_json: bool) -> None:
    """Make the index hold what the corpus folder holds.

    \b
    assistant sync --dry-run
    assistant sync
    """
    with opened() as assistant:
        if dry_run or as_json:
            plan = assistant.plan() if dry_run else _synced(assistant)
            output.print_plan(plan, as_json=as_json)
        else:
            plan = _synced(assistant, show=output.print_plan)
            output.print_likenesses(plan)
    if plan.failures:
        sys.exit(1)


@main.command()
@click.option("--host", help="address to listen on")
@click.option("--port", type=int, help="port to listen on; 0 takes a free one")
@click.option("--watch", is_flag=True, help="index what changes in the corpus folder meanwhile")
def chat(host: str | None, port: int | None, *, watch: bool) -> None:
    """Bring the index up to date and serve the web page.

    \b
    assistant chat
    assistant chat --watch
    assistant --corpus ~/articles chat --port 8000
    """
    with opened(host=host, port=port) as assistant:
        plan = _synced(assistant, background=True)
        click.echo(f"Articles: {plan.summary()}")
        output.print_failures(plan)
        from assistant.web.app import serve

        with _watched(assistant) if watch else nullcontext():
            serve(
                assistant,
                opened=lambda url: click.echo(f"Open {url} (Ctrl-C stops)"),
                failed=lambda error: click.echo(f"assistant: {error}", err=True),
            )


@contextmanager
def _watched(assistant: "Assistant") -> Iterator[None]:
    """Follows the corpus folder in the background."""
    from assistant import AssistantError
    from assistant.corpus.pace import Pace

    stop = threading.Event()

    def print_changes() -> None:
        try:
            for plan in assistant.watch(Pace(stop)):
                output.print_event(plan)
        except AssistantError as error:
            click.echo(f"assistant: the folder is not followed any more: {error}", err=True)

    thread = threading.Thread(target=print_changes, name="watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()

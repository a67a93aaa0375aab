"""The command that serves the web page."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import click

from assistant.cli.commands import main, opened, synced
from assistant.cli.output import print_event, print_failures

if TYPE_CHECKING:
    from assistant.assistant import Assistant


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
        plan = synced(assistant, background=True)
        click.echo(f"Articles: {plan.summary()}")
        print_failures(plan)
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
    from assistant.corpus.pace import Pace
    from assistant.errors import AssistantError

    stop = threading.Event()

    def print_changes() -> None:
        try:
            for plan in assistant.watch(Pace(stop)):
                print_event(plan)
        except AssistantError as error:
            click.echo(f"assistant: the folder is not followed any more: {error}", err=True)

    thread = threading.Thread(target=print_changes, name="watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()

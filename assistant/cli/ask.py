"""The command that asks: one question, one answer with its sources."""

from typing import Any

import click

from assistant.cli.commands import as_json, main, opened
from assistant.cli.output import print_growing, print_json, print_sources


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
@click.option("--article", "articles", multiple=True, help="only the article of this id")
@as_json
def ask(question: str, *, as_json: bool, **chosen: Any) -> None:
    """Answer QUESTION from the articles.

    \b
    assistant ask "what did Galuzin say about the EU mission"
    assistant ask --json "who chairs the EAEU" | python -m json.tool
    assistant ask --since 2026-11-01 --source Tass "what did Galuzin say"
    """
    from assistant.schema import Filter

    within = Filter(**chosen)
    with opened() as assistant:
        if as_json:
            print_json(assistant.ask(question, within=within).to_dict())
            return
        answer = print_growing(assistant.stream(question, within=within))
    print_sources(answer)

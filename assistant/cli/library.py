"""The commands that ask the articles, and look at, correct, move and check them."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assistant.cli.commands import as_json, main, opened, settings_of
from assistant.cli.output import print_growing, print_json, print_sources, progress_bar

if TYPE_CHECKING:
    from assistant.corpus.transfer import Transfer


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


@main.command("list")
@click.argument("matching", default="")
@as_json
def list_(matching: str, *, as_json: bool) -> None:
    """List the indexed articles, newest first; MATCHING looks in title, outlet and id.

    \b
    assistant list
    assistant list armenia --json
    """
    with opened() as assistant:
        found = assistant.articles(matching)
    if as_json:
        print_json(found)
        return
    for article in found:
        copies = f"  (copies: {article.copies})" if article.copies else ""
        click.echo(f"{article.published or '-':10}  {article.id}  {article.title}{copies}")
    click.echo(f"{len(found)} articles", err=True)


@main.command()
@click.argument("article_id", metavar="ID")
@as_json
def show(article_id: str, *, as_json: bool) -> None:
    """Print the article with this ID as it is indexed.

    \b
    assistant show galuzin-csto-tass.txt
    assistant show galuzin-csto-tass.txt --json
    """
    with opened() as assistant:
        article = assistant.article(article_id)
        passages = assistant.passages(article_id)
        copies = assistant.copies(article_id)
    if as_json:
        spans = [{"start": p.start, "end": p.end} for p in passages]
        print_json(asdict(article) | {"passages": spans, "copies": copies})
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
def correct(article_id: str, authors: tuple[str, ...], *, as_json: bool, **facts: Any) -> None:
    """Correct facts of the article with this ID in its file; an empty value takes one away.

    \b
    assistant correct galuzin-csto-tass.txt --source Tass --date 2026-11-24
    assistant correct galuzin-csto-tass.txt --author "Ann Example" --author "Bo Example"
    assistant correct report.md --date ""
    """
    if not authors and not any(value is not None for value in facts.values()):
        raise click.UsageError("say what to correct, as --title, --date or --source")
    given = [name for name in authors if name.strip()] if authors else None
    with opened() as assistant:
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
def remove(article_id: str, *, as_json: bool) -> None:
    """Remove the article with this ID; its file is set aside, not deleted.

    \b
    assistant remove galuzin-csto-tass.txt
    assistant remove https://example.org/report --json
    """
    with opened() as assistant:
        aside = assistant.remove(article_id)
    if as_json:
        print_json({"removed": article_id, "file": str(aside) if aside else None})
    else:
        click.echo(f"removed {article_id}" + (f"; its file is now {aside}" if aside else ""))


@main.command()
@click.argument("archive", type=click.Path(path_type=Path), metavar="FILE")
@as_json
def export(archive: Path, *, as_json: bool) -> None:
    """Write the corpus with its index into FILE, to move it to another machine.

    Articles, vectors, feeds and all else that the index holds go along; files of removed articles,
    evaluation runs and feedback do not. Others may go on asking and adding meanwhile.

    \b
    assistant export articles.tar
    assistant --corpus ~/articles export /mnt/stick/articles.tar
    """
    with opened() as assistant, progress_bar() as progress:
        done = assistant.export(archive, progress=progress)
    _print_transfer(f"exported to {done.path}", done, as_json=as_json)


@main.command("import")
@click.argument("archive", type=click.Path(path_type=Path), metavar="FILE")
@as_json
def import_(archive: Path, *, as_json: bool) -> None:
    """Make a corpus with its index of FILE, which `assistant export` wrote.

    The corpus folder must be empty, or not be there yet. Nothing is embedded again.

    \b
    assistant --corpus ~/articles import articles.tar
    assistant --corpus ~/articles import /mnt/stick/articles.tar --json
    """
    from assistant.corpus.transfer import import_corpus

    settings = settings_of()
    with progress_bar() as progress:
        done = import_corpus(archive, settings.corpus, settings.data_folder, progress)
    _print_transfer(f"imported into {done.path}", done, as_json=as_json)


def _print_transfer(what: str, done: "Transfer", *, as_json: bool) -> None:
    if as_json:
        print_json(done)
        return
    for reason in done.left_out:
        click.echo(f"left out  {reason}", err=True)
    size = f"{done.size / 1e6:.1f} MB"
    click.echo(f"{what}: {done.articles} articles, {done.passages} passages, {size}")


@main.command()
@as_json
def doctor(*, as_json: bool) -> None:
    """Check that corpus, index and models agree, and mend what can be mended.

    \b
    assistant doctor
    assistant --corpus ~/articles doctor --json
    """
    from assistant.doctor import examine

    findings = examine(settings_of())
    if as_json:
        print_json(findings)
    else:
        for finding in findings:
            mark = "mended" if finding.mended else "ok" if finding.ok else "FAILED"
            click.echo(f"{mark:7} {finding.part}: {finding.message}")
    if not all(finding.ok for finding in findings):
        sys.exit(1)

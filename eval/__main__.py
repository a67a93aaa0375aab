"""The command line of the evaluation: `python -m eval --help`."""

import json
import sys
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from assistant.errors import AssistantError
from eval import datasets, followups, gate, inbox, verification
from eval.ablate import ablate, table
from eval.compare import Comparison, compare
from eval.datasets import BUNDLED, BUNDLED_QUESTIONS, CACHE, Dataset
from eval.glossary import MEASURED
from eval.report import write_report
from eval.run import RUNS, evaluate, save

RESULTS = datasets.HERE / "results.json"
LEFT_OUT = ("questions", "refusal_curve")
"""Parts of a run that are not kept: texts of data sets must not enter the repository."""

RUN_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class _Commands(click.Group):
    """Turns the program's errors into one line, as the command `assistant` does."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except AssistantError as error:
            click.echo(f"eval: {error}", err=True)
            ctx.exit(2)


@click.group(cls=_Commands, invoke_without_command=True)
@click.pass_context
def main(context: click.Context) -> None:
    """Measures the assistant; without a command, runs the bundled questions and the gate.

    \b
    python -m eval
    python -m eval run --dataset ~/data/my-news --limit 100 --set candidates=40
    """
    if context.invoked_subcommand is None:
        context.invoke(bundled)


@main.command()
def bundled() -> None:
    """Run the bundled questions and compare them with the floors of the baseline."""
    run = _run(datasets.bundled())
    problems = gate.failures(run, gate.read_baseline())
    for problem in problems:
        click.echo(f"below the gate: {problem}", err=True)
    if problems:
        sys.exit(1)
    click.echo("The gate is passed.")


@main.command()
@click.option("--dataset", default=BUNDLED, help="folder of a data set, or `bundled`")
@click.option("--limit", type=int, help="ask a sample of so many questions")
@click.option("--retrieval-only", is_flag=True, help="measure the ranking of passages alone")
@click.option("--set", "chosen", multiple=True, metavar="KEY=VALUE", help="change a setting")
@click.option("--judge", metavar="MODULE:NAME", help="also ask this llama-index LLM")
@click.option(
    "--price",
    nargs=2,
    type=float,
    metavar="READ WRITTEN",
    help="of a million tokens that the language model reads, and writes",
)
@click.option("--cache", type=click.Path(path_type=Path), default=CACHE, help="folder of indexes")
@click.option("--runs", type=click.Path(path_type=Path), default=RUNS, help="folder to keep it in")
def run(
    dataset: str,
    *,
    limit: int | None,
    retrieval_only: bool,
    chosen: tuple[str, ...],
    judge: str | None,
    price: tuple[float, float] | None,
    cache: Path,
    runs: Path,
) -> None:
    """Run a data set, print the measures, keep the run and its report.

    \b
    python -m eval run --set threshold=0.4
    python -m eval run --dataset ~/data/news --limit 100 --retrieval-only
    python -m eval run --set llm=ollama --set llm_model=qwen3 --price 0 0
    """
    asked = None
    if judge:
        from eval.judge import llm_judge  # llama-index takes a second to import

        asked = llm_judge(judge)
    _run(
        _dataset(dataset, cache, limit),
        runs,
        retrieval_only=retrieval_only,
        chosen=_settings(chosen),
        judge=asked,
        price=price,
    )


@main.command("followups")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def followups_(folder: Path) -> None:
    """Compare the rules for follow-ups with how people make them stand alone, in FOLDER.

    \b
    python -m eval followups ~/data/followups
    """
    click.echo(f"{'':34} {'cosine':24} token F1")
    for way, (cosine, f1) in followups.measure(folder).items():
        shown = [f"{i.mean:.3f} ({i.low:.3f} to {i.high:.3f})" for i in (cosine, f1)]
        click.echo(f"{way:34} {'   '.join(shown)}")


@main.command("compare")
@click.argument("run_a", type=RUN_FILE)
@click.argument("run_b", type=RUN_FILE)
def compare_(run_a: Path, run_b: Path) -> None:
    """Say what RUN_B gains over RUN_A, and how sure that is.

    \b
    python -m eval compare eval/runs/before.json eval/runs/after.json
    """
    _print_comparison(compare(_read(run_a), _read(run_b)))


@main.command()
@click.argument("run_file", metavar="RUN", type=RUN_FILE)
def report(run_file: Path) -> None:
    """Write RUN as one HTML page beside it.

    \b
    python -m eval report eval/runs/bundled-20261124-221500.json
    """
    click.echo(write_report(_read(run_file), run_file.with_suffix(".html")))


@main.command()
@click.argument("run_files", metavar="RUN...", nargs=-1, required=True, type=RUN_FILE)
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="file of results")
def keep(run_files: tuple[Path, ...], results: Path) -> None:
    """Keep the figures of each RUN in eval/results.json, without its questions and answers.

    \b
    python -m eval keep eval/runs/bundled-20261124-221500.json
    """
    known = _read(results) if results.exists() else {}
    for path in run_files:
        figures = {key: value for key, value in _read(path).items() if key not in LEFT_OUT}
        known[figures["dataset"]["name"]] = figures
    text = json.dumps(dict(sorted(known.items())), indent=1)
    results.write_text(text + "\n", encoding="utf-8")
    click.echo(f"{len(run_files)} kept in {results}")


@main.command("ablate")
@click.option("--dataset", default=BUNDLED, help="folder of a data set, or `bundled`")
@click.option("--limit", type=int, help="ask a sample of so many questions")
@click.option("--cache", type=click.Path(path_type=Path), default=CACHE, help="folder of indexes")
def ablate_(dataset: str, limit: int | None, cache: Path) -> None:
    """Print what each part is worth, as a table.

    \b
    python -m eval ablate
    """
    runs = ablate(
        _dataset(dataset, cache, limit),
        folder=RUNS,
        started=lambda name: click.echo(name, err=True),
    )
    click.echo(table(runs))


@main.command()
def baseline() -> None:
    """Run the bundled questions and make their measures the new floors of the gate.

    \b
    python -m eval baseline
    """
    floors = gate.baseline_of(_run(datasets.bundled()))
    gate.BASELINE.write_text(json.dumps(floors, indent=2) + "\n", encoding="utf-8")
    click.echo(f"The floors are in {gate.BASELINE}.")


@main.command()
@click.option(
    "--inbox", "cases", type=click.Path(path_type=Path), default=datasets.HERE / "inbox.jsonl"
)
def adopt(cases: Path) -> None:
    """Turn the reviewed cases of the feedback inbox into questions.

    \b
    python -m eval adopt
    """
    click.echo(f"{inbox.adopt(cases, BUNDLED_QUESTIONS)} questions adopted")


main.add_command(verification.main, "verification")


def _dataset(name: str, cache: Path, limit: int | None) -> Dataset:
    if name == BUNDLED:
        return datasets.bundled(cache, limit)
    return datasets.load(Path(name), cache, limit)


def _settings(chosen: tuple[str, ...]) -> dict[str, str]:
    """Settings from ``KEY=VALUE`` arguments; the values are checked when the settings are read."""
    for pair in chosen:
        if "=" not in pair:
            raise click.BadParameter(f"{pair!r} is not KEY=VALUE", param_hint="--set")
    return dict(pair.split("=", 1) for pair in chosen)


def _run(dataset: Dataset, folder: Path = RUNS, **chosen: Any) -> dict[str, Any]:
    """Runs the data set with a progress bar, prints the table, saves the run and its report."""
    done = evaluate(dataset, progress=lambda qs: tqdm(qs, desc=dataset.name, unit="q"), **chosen)
    path = save(done, folder)
    write_report(_read(path), path.with_suffix(".html"))
    _print_summary(done)
    click.echo(f"\nKept as {path}; the same as a page: {path.with_suffix('.html').name}")
    return done


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _print_summary(done: dict[str, Any]) -> None:
    known = done["dataset"]
    click.echo(f"{known['name']}: {known['questions']} questions, {known['articles']} articles\n")
    click.echo(f"{'measure':24} {'mean':>6}  95 % interval    questions")
    for name, i in done["summary"].items():
        click.echo(
            f"{name:24} {i['mean']:6.3f}  {i['low']:.3f} to {i['high']:.3f}  {i['count']:>9}"
        )
    if done.get("usage"):
        used = done["usage"]
        cost = "" if used["cost"] is None else f", cost {used['cost']:.4f}"
        click.echo(
            f"\n{used['model']} wrote {used['answers']} answers: {used['prompt_tokens']} tokens "
            f"read, {used['answer_tokens']} written{cost}"
        )
    if done["latency"]:
        click.echo(f"\n{'stage':24} {'p50 ms':>8} {'p95 ms':>8}")
        for stage, seconds in done["latency"].items():
            p50, p95 = seconds["p50"] * 1000, seconds["p95"] * 1000
            click.echo(f"{stage:24} {p50:8.1f} {p95:8.1f}")


def _print_comparison(found: Comparison) -> None:
    click.echo(f"{'measure':24} {'b - a':>7}  95 % interval       p     wins losses  ties")
    for name in MEASURED:
        if name in found.differences:
            d = found.differences[name]
            click.echo(
                f"{name:24} {d.difference:+7.3f}  {d.low:+.3f} to {d.high:+.3f}  {d.p_value:6.4f}"
                f"  {d.wins:5} {d.losses:6} {d.ties:5}"
            )
    for title, flips in (("gained", found.gained), ("lost", found.lost)):
        click.echo(f"\n{title}: {len(flips)}")
        for flip in flips:
            click.echo(f"  {flip.id}  {flip.text[:70]}  ({flip.before} → {flip.after})")
    if found.only_in_one:
        click.echo(f"\n{found.only_in_one} questions are in one run only")


if __name__ == "__main__":
    main()

"""What each part is worth: the same questions with one thing changed at a time."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from eval.datasets import Dataset
from eval.run import evaluate, save

VARIANTS: dict[str, dict[str, Any]] = {
    "all (default)": {},
    "dense only": {"retrieval": "dense"},
    "lexical only": {"retrieval": "lexical"},
    "without abbreviations": {"abbreviations": False},
    "passages of 60 words": {"passage_words": 60},
    "passages of 100 words": {"passage_words": 100},
    "passages of 250 words": {"passage_words": 250},
    "passages of 400 words": {"passage_words": 400},
}
"""Settings that differ from the defaults, by the name of the row."""

COLUMNS = (
    "article MRR, evidence hit@1, evidence MRR, evidence hit@10, read evidence hit@1, "
    "evidence cited first, evidence cited, refusal AUROC"
).split(", ")


def ablate(
    dataset: Dataset, *, folder: Path, started: Callable[[str], None]
) -> dict[str, dict[str, Any]]:
    """The run of each variant by the name of its row; each is saved in `folder`.

    Args:
        started: gets the name of each variant before it runs.
    """
    runs = {}
    for name, chosen in VARIANTS.items():
        started(name)
        run = evaluate(dataset, chosen=chosen)
        run["name"] = f"{dataset.name}-ablate-{name.replace(' ', '-')}"
        save(run, folder)
        runs[name] = run
    return runs


def table(runs: dict[str, dict[str, Any]]) -> str:
    """The runs as a Markdown table; "read" columns measure the reader's ranking of the passages."""
    lines = ["| " + " | ".join(("variant", *COLUMNS)) + " |", "|---" * (1 + len(COLUMNS)) + "|"]
    for name, run in runs.items():
        cells = [_cell(run["summary"].get(column)) for column in COLUMNS]
        lines.append("| " + " | ".join((name, *cells)) + " |")
    return "\n".join(lines)


def _cell(interval: dict[str, float] | None) -> str:
    return "–" if interval is None else f"{interval['mean']:.3f}"

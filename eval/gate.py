"""Whether the bundled evaluation is as good as it was: floors in ``eval/baseline.json``."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eval.datasets import HERE
from eval.glossary import LOWER_IS_BETTER

BASELINE = HERE / "baseline.json"
GATED = (
    "article MRR, evidence hit@1, evidence hit@5, evidence MRR, token F1, contains answer, "
    "semantic similarity, item recall, citation recall, citation precision, quote exactness, "
    "evidence cited, evidence cited first, quote precision, false-answer rate, "
    "false-refusal rate, refusal AUROC"
).split(", ")

NOISE = 0.5
"""Standard errors below its floor at which a measure fails. Runs on one machine are equal to the
last digit; processors that round bfloat16 differently change a few questions of three hundred."""


def baseline_of(run: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a baseline file: the digests, and each gated measure with its noise."""
    floors = {}
    for name in GATED:
        if name in run["summary"]:
            interval = run["summary"][name]
            error = (interval["high"] - interval["low"]) / 4  # 95 % are four standard errors wide
            outward = math.ceil if name in LOWER_IS_BETTER else math.floor
            floor = outward(interval["mean"] * 10_000) / 10_000
            floors[name] = {"floor": floor, "noise": round(NOISE * error, 4)}
    digests = {key: run["dataset"][key] for key in ("corpus_digest", "questions_digest")}
    return digests | {"floors": floors}


def failures(run: Mapping[str, Any], baseline: Mapping[str, Any]) -> list[str]:
    """The reasons why the run does not pass, a sentence each; empty when it passes."""
    problems = [
        f"{key.split('_')[0]} changed since the baseline was made: look at the difference, then "
        "renew it with `python -m eval baseline`"
        for key in ("corpus_digest", "questions_digest")
        if run["dataset"][key] != baseline[key]
    ]
    for name, bound in baseline["floors"].items():
        found = run["summary"].get(name, {}).get("mean")
        if found is None:
            problems.append(f"{name}: not measured, the floor is {bound['floor']}")
            continue
        below = bound["floor"] - found
        if name in LOWER_IS_BETTER:
            below = -below
        if below > bound["noise"]:
            problems.append(
                f"{name}: {found:.4f}, the floor is {bound['floor']} ± {bound['noise']}"
            )
    return problems


def read_baseline(path: Path = BASELINE) -> dict[str, Any]:
    """The committed baseline."""
    baseline: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return baseline

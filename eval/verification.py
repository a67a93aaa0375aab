"""How good the verification is: ``python -m eval.verification --help``.

It is measured as a detector of what was made wrong in answers to the bundled questions, and as a
judge of claims that people have judged. All figures have 95 % intervals.
"""

import gzip
import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from assistant.answering.verification.checks import Entailment, verify
from assistant.answering.verification.entailment import ENTAILMENT_MODEL, ReaderEntailment
from assistant.corpus.chunking import cut_passages
from assistant.errors import CorpusError
from assistant.models.cross_encoder import FOLDER, CrossEncoder
from assistant.schema import Article, Check, Citation
from assistant.text.citation_marks import MARK
from assistant.text.sentences import split_sentences
from assistant.text.tokens import stems
from eval import datasets
from eval.corruptions import Corrupted, Made, answers, corrupted
from eval.measures import auroc
from eval.run import open_dataset
from eval.statistics import Interval, bootstrap_statistic

PASSAGE_WORDS = 150
MOST_PASSAGES = 6
"""Passages of a text that are judged: those with the most of the sentence's words. A WiCE claim
rests on a whole web page."""

Scores = NDArray[np.float64]


def wilson(hits: int, count: int, z: float = 1.96) -> Interval:
    """A share with its Wilson score interval (Wilson 1927), which has width even at 0 and at 1."""
    if not count:
        return Interval(math.nan, math.nan, math.nan, 0)
    share, square = hits / count, z * z / count
    centre = (share + square / 2) / (1 + square)
    half = z * math.sqrt(share * (1 - share) / count + square / (4 * count)) / (1 + square)
    return Interval(share, max(centre - half, 0.0), min(centre + half, 1.0), count)


# ---- corruptions ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Detection:
    """What the verification found in the original answers, and in those made wrong."""

    clean: dict[str, list[tuple[Check, ...]]]
    """The checks of each answer, by form."""
    wrong: dict[tuple[str, str], list[str]]
    """The verdicts on the sentences made wrong, by kind and form; "none" without a check."""
    missed: list[Corrupted]


def detect(
    made: Sequence[Made],
    wrong: Sequence[Corrupted],
    entails: Entailment | None = None,
    progress: Callable[[Iterable[Corrupted]], Iterable[Corrupted]] = iter,
) -> Detection:
    """Verifies the original answers and those made wrong."""
    clean: dict[str, list[tuple[Check, ...]]] = defaultdict(list)
    for one in made:
        clean[one.form].append(verify(one.text, one.citations, entails))
    verdicts: dict[tuple[str, str], list[str]] = defaultdict(list)
    missed = []
    for case in progress(wrong):
        checks = verify(case.answer.text, case.answer.citations, entails)
        here = [check.verdict for check in checks if check.start <= case.at < check.end]
        verdicts[case.kind, case.answer.form].append(here[0] if here else "none")
        if here[:1] != ["unsupported"]:
            missed.append(case)
    return Detection(dict(clean), dict(verdicts), missed)


def print_detection(found: Detection) -> None:
    """Prints the table of the evaluation's README."""
    click.echo(f"{'made wrong':12} {'form':12} {'caught':>22}  {'weak':>5} {'missed':>6}  answers")
    kinds = list(dict.fromkeys(kind for kind, _ in found.wrong))
    for kind in kinds:
        rows = {form: v for (k, form), v in sorted(found.wrong.items()) if k == kind}
        for form, verdicts in {**rows, "all": [v for own in rows.values() for v in own]}.items():
            caught, weak = verdicts.count("unsupported"), verdicts.count("weak")
            share = _shown(wilson(caught, len(verdicts)))
            rest = len(verdicts) - caught - weak
            click.echo(f"{kind:12} {form:12} {share:>22}  {weak:>5} {rest:>6}  {len(verdicts):>7}")
    every = {**found.clean, "all": [checks for own in found.clean.values() for checks in own]}
    for verdict in ("unsupported", "weak"):
        for form, own in every.items():
            flagged = sum(any(c.verdict == verdict for c in checks) for checks in own)
            share = _shown(wilson(flagged, len(own)))
            click.echo(f"clean, {form} with a sentence called {verdict}: {share} of {len(own)}")


def _shown(share: Interval) -> str:
    return f"{share.mean:.3f} ({share.low:.3f} to {share.high:.3f})"


# ---- claims -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Claim:
    """A claim with the text that it is said to rest on, and whether people found it supported."""

    text: str
    evidence: str
    supported: bool
    source: str


def read_claims(folder: Path) -> list[Claim]:
    """The claims of a folder; a partly supported claim counts as not supported.

    Raises:
        CorpusError: the folder holds none.
    """
    path = folder / "claims.jsonl.gz"
    if not path.is_file():
        raise CorpusError(folder, "holds no claims.jsonl.gz", "name the folder of the claims")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    return [
        Claim(
            text=MARK.sub("", record["claim"]),
            evidence=record["evidence_text"],
            supported=record["label"] == "supported",
            source=record["source"],
        )
        for record in records
    ]


def claim_pairs(claim: Claim) -> list[list[tuple[str, str]]]:
    """For each sentence of a claim, its pairs with the passages that have the most of its words."""
    passages = [p.text for p in cut_passages(Article("", "", claim.evidence), PASSAGE_WORDS)]
    known = [set(stems(passage)) for passage in passages]
    found = []
    for start, end in split_sentences(claim.text):
        sentence = claim.text[start:end]
        said = set(stems(sentence))
        best = sorted(range(len(passages)), key=lambda i: -len(said & known[i]))[:MOST_PASSAGES]
        if said and best:
            found.append([(sentence, passages[i]) for i in best])
    return found


def judged(
    claims: Sequence[Claim],
    judge: ReaderEntailment,
    progress: Callable[[Iterable[Claim]], Iterable[Claim]] = iter,
) -> dict[str, Scores]:
    """The score that each way of judging gives each claim: that of the best passage for its worst
    sentence.
    """
    rows = [_judged(claim, judge) for claim in progress(claims)]
    names = ("words alone", "relevance alone", "reader entailment", "as used")
    return dict(zip(names, np.array(rows).T, strict=True))


def _judged(claim: Claim, judge: ReaderEntailment) -> list[float]:
    least = [1.0, math.inf, 1.0]
    for pairs in claim_pairs(claim):
        features = judge.features(pairs)
        said = stems(pairs[0][0])
        covered = max(sum(s in set(stems(p)) for s in said) / len(said) for _, p in pairs)
        best = [covered, features[:, 0].max(), ENTAILMENT_MODEL(features).max()]
        least = [min(pair) for pair in zip(least, best, strict=True)]
    return [*map(float, least), float(least[2]) - found_wrong(claim)]


def found_wrong(claim: Claim) -> bool:
    """Whether the checks that need no model find that a claim says what its text does not."""
    passages = cut_passages(Article("", "", claim.evidence), PASSAGE_WORDS)
    citations = [
        Citation(number, "", "", None, None, None, p.start, p.end, "", p.start, p.text)
        for number, p in enumerate(passages, 1)
    ]
    checks = verify(claim.text, citations)  # no mark: every passage may support it
    return any(check.verdict == "unsupported" for check in checks)


def print_claims(claims: Sequence[Claim], scores: dict[str, Scores]) -> None:
    """Prints the AUROC of each way of judging, over all claims and by their source."""
    supported = np.array([claim.supported for claim in claims])
    sources = np.array([claim.source for claim in claims])
    texts = np.unique([claim.evidence for claim in claims], return_inverse=True)[1]
    wrong = scores["as used"] < 0
    for source in ["all", *np.unique(sources)]:
        own = np.isin(sources, [source]) | (source == "all")
        yes, no = own & supported, own & ~supported
        click.echo(f"\n{source}: {own.sum()} claims, {yes.sum()} supported")
        for name, values in scores.items():
            click.echo(f"  AUROC, {name:20} {_shown(_area(values, supported, texts, own))}")
        for name, values in (("unsupported", wrong), ("weak", ~wrong & (scores["as used"] < 0.5))):
            of_yes, of_no = (wilson(int(values[some].sum()), int(some.sum())) for some in (yes, no))
            click.echo(f"  called {name}: of supported {_shown(of_yes)}, others {_shown(of_no)}")


def _area(values: Scores, supported: np.ndarray, texts: np.ndarray, own: np.ndarray) -> Interval:
    """AUROC with its interval; whole texts are drawn, since a dozen of them have 400 claims."""
    chosen, text = np.flatnonzero(own), texts[own]
    rows = {int(one): chosen[text == one] for one in np.unique(text)}

    def area(drawn: np.ndarray) -> float:
        picked = np.concatenate([rows[int(one)] for one in drawn])
        return auroc(values[picked], supported[picked])

    return bootstrap_statistic(area, np.array(list(rows)))


# ---- commands ---------------------------------------------------------------------------------


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Measures the verification of answers, and fits what it judges with."""


@main.command("corruptions")
@click.option("--words", is_flag=True, help="compare words, without the reader")
@click.option("--show", is_flag=True, help="print what was not caught")
def corruptions_command(*, words: bool, show: bool) -> None:
    r"""Make answers to the bundled questions wrong in one thing each; print how many are caught.

    \b
    python -m eval.verification corruptions
    """
    dataset = datasets.bundled()
    with open_dataset(dataset) as assistant:
        made = answers(assistant, tqdm(dataset.questions, "asking", unit="q"))
    entails = None if words else ReaderEntailment(CrossEncoder())
    cases = corrupted(made)
    found = detect(made, cases, entails, lambda cases: tqdm(cases, "verifying", len(made)))
    print_detection(found)
    for case in found.missed if show else ():
        line = next(x for x in case.answer.text[case.at - 1 :: -1].split("\n"))[::-1]
        click.echo(f"{case.kind}: {line}{case.answer.text[case.at :].split(chr(10))[0]}")


@main.command("claims")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def claims_command(folder: Path) -> None:
    r"""Print how well the claims of FOLDER that people found supported are told from the others.

    \b
    python -m eval.verification claims ~/data/claims
    """
    claims = read_claims(folder)
    scores = judged(
        claims, ReaderEntailment(CrossEncoder()), lambda some: tqdm(some, "reading", unit="claim")
    )
    print_claims(claims, scores)


@main.command("calibrate")
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--folder", type=click.Path(path_type=Path), default=FOLDER, show_default=True)
def calibrate_command(data: Path, folder: Path) -> None:
    """Print ENTAILMENT_MODEL, fitted on the texts of DATA that the reader never saw.

    Reads with the weights in --folder.
    """
    from eval.training.entailment import calibrate  # needs scikit-learn

    calibrate(data, folder)


if __name__ == "__main__":
    main()

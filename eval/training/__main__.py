"""Trains the reader: ``python -m eval.training --help``."""

from pathlib import Path

import click
import platformdirs
import torch

from assistant.models.cross_encoder import FOLDER
from eval.training.calibrate import calibrate
from eval.training.check import check
from eval.training.export import export, shipped
from eval.training.material import Material
from eval.training.train import Plan, load_checkpoint, scorer, train

WORK = Path(platformdirs.user_cache_dir("news-assistant")) / "training"
EXPORT_CHECKED = 1000
"""Held-out questions on which trained and shipped weights are compared."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Trains the reader that ships in the package, and fits how its scores are combined."""


@main.command("train")
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--work", type=click.Path(path_type=Path), default=WORK, show_default=True)
@click.option("--epochs", type=float, default=Plan.epochs, show_default=True)
@click.option("--rate", type=float, default=Plan.rate, show_default=True, help="Learning rate.")
@click.option("--seed", type=int, default=Plan.seed, show_default=True)
def train_command(data: Path, work: Path, epochs: float, rate: float, seed: int) -> None:
    """Train on DATA (spans.jsonl.gz, sentence-selection.jsonl.gz), on CUDA where there is one.

    Goes on from the checkpoint in --work, where the curve is written, too.
    """
    work.mkdir(parents=True, exist_ok=True)
    train(data, work, Plan(epochs=epochs, rate=rate, seed=seed))


@main.command("export")
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--work", type=click.Path(path_type=Path), default=WORK, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), default=FOLDER, show_default=True)
def export_command(data: Path, work: Path, folder: Path) -> None:
    """Write the weights of the checkpoint in --work, 8 bits each, to the package.

    Prints the scores of both on the questions of DATA that were held out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model = load_checkpoint(work)
    export(model, folder)
    material = Material.load(data, work)
    for name, score in (
        ("trained", scorer(model, torch.device("cpu"))),
        ("shipped", shipped(folder)),
    ):
        click.echo(f"{name}: {check(score, material, EXPORT_CHECKED)}")


@main.command("calibrate")
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--work", type=click.Path(path_type=Path), default=WORK, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), default=FOLDER, show_default=True)
def calibrate_command(data: Path, work: Path, folder: Path) -> None:
    """Print the reader's constants, fitted on the texts of DATA that were held out.

    Reads with the weights in --folder.
    """
    calibrate(data, work, folder)


if __name__ == "__main__":
    main()

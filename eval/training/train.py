"""The training loop: every question with a passage that answers and one that does not."""

import json
import math
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from assistant.models.cross_encoder import Pair
from eval.training.check import Scorer, check
from eval.training.examples import Labelled
from eval.training.material import Material
from eval.training.model import Batch, ReaderModel, collate, losses

POOL = 64
"""Batches that are sorted by length together, so that little is padded and order stays random."""

CHECKPOINT = "checkpoint.pt"

CHECKED = 300
"""Held-out questions that the curve is measured on."""


@dataclass(frozen=True)
class Plan:
    """What a training run does; the same plan and the same data give the same weights on the same
    kind of device, up to the order of floating-point sums.
    """

    epochs: float = 2.5
    questions: int = 16
    """A batch; each is read with two passages."""
    rate: float = 2e-4
    """Highest learning rate of the encoder; heads learn five times as fast."""
    warm_up: float = 0.06
    decay: float = 0.01
    seed: int = 7
    check_every: int = 400
    """Steps between two checkpoints and points of the curve."""


def train(data: Path, work: Path, plan: Plan) -> ReaderModel:
    """Trains, or goes on where the checkpoint in `work` was left; the curve is `work/curve.jsonl`.

    Args:
        data: the folder with `spans.jsonl.gz` and `sentence-selection.jsonl.gz`.
        work: for mined passages, checkpoints and the curve; outside the repository.
    """
    torch.manual_seed(plan.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    material = Material.load(data, work)
    model = ReaderModel().to(device)
    heads = [*model.token_head.parameters(), *model.relevance_head.parameters()]
    optimizer = torch.optim.AdamW(
        [
            {"params": model.encoder.parameters(), "lr": plan.rate},
            {"params": heads, "lr": 5 * plan.rate},
        ],
        weight_decay=plan.decay,
        fused=True,
    )
    per_epoch = len(material.training) // plan.questions
    total = int(plan.epochs * per_epoch)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: _rate(s, total, plan))
    checkpoint = work / CHECKPOINT
    done = _resume(checkpoint, model, optimizer, schedule, plan)
    print(
        f"{len(material.training)} questions, {total} steps, from {done}, on {device}", flush=True
    )
    started, seen, running = time.perf_counter(), 0, {}
    for step, batch in _batches(material, plan, done, total, per_epoch):
        torch.manual_seed(plan.seed + step)
        wrong = learn(model, batch.to(device), optimizer)
        schedule.step()
        seen += len(batch.ids)
        for name, value in wrong.items():
            running[name] = 0.98 * running.get(name, value) + 0.02 * value
        if step % plan.check_every == 0 or step == total:
            point = {"step": step, "pairs_per_second": seen / (time.perf_counter() - started)}
            point |= {f"loss_{name}": value for name, value in running.items()}
            point |= check(scorer(model, device), material, CHECKED)
            _keep(checkpoint, step, model, optimizer, schedule, plan)
            _note(work / "curve.jsonl", point)
            started, seen = time.perf_counter(), 0
    return model


def _rate(step: int, total: int, plan: Plan) -> float:
    """Part of the highest learning rate: up in a line, down as half a cosine."""
    warm = max(1, int(plan.warm_up * total))
    if step < warm:
        return (step + 1) / warm
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, total - warm)))


def learn(model: ReaderModel, batch: Batch, optimizer: torch.optim.Optimizer) -> dict[str, float]:
    """One step; returns the losses."""
    model.train()
    with autocast(batch.ids.device):
        token_scores, relevance = model(batch.ids, batch.mask, batch.types)
    wrong = losses(token_scores, relevance, batch)
    sum(wrong.values()).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return {name: float(value.detach()) for name, value in wrong.items()}


def autocast(device: torch.device) -> torch.autocast:
    """bfloat16 where the processor has it: 2.6 times as fast on CPUs with AVX-512 BF16."""
    native = device.type == "cuda" or torch.cpu._is_avx512_bf16_supported()
    return torch.autocast(device.type, torch.bfloat16, enabled=native)


def _batches(
    material: Material, plan: Plan, done: int, total: int, per_epoch: int
) -> Iterator[tuple[int, Batch]]:
    """Steps `done` + 1 to `total`, each with its batch; the same for the same seed."""
    pool = POOL * plan.questions
    for epoch in range(math.ceil(total / per_epoch)):
        order = random.Random(f"{plan.seed}-{epoch}")
        numbers = order.sample(material.training, len(material.training))
        for at in range(0, len(numbers), pool):
            first = epoch * per_epoch + at // plan.questions + 1
            some = numbers[at : at + pool]
            if first + POOL <= done or len(some) < plan.questions:
                continue
            batches = _pool(material, some, plan, random.Random(f"{plan.seed}-{first}"))
            for step, batch in enumerate(batches, start=first):
                if done < step <= total:
                    yield step, collate(*batch)


def _pool(
    material: Material, numbers: list[int], plan: Plan, rng: random.Random
) -> list[tuple[list[Pair], list[Labelled]]]:
    """Batches of questions whose pairs are about as long, in random order."""
    drawn = []
    for number in numbers:
        both = material.both(number, _size(rng), rng)
        drawn.append(([material.pair(one) for one in both], both))
    drawn.sort(key=lambda item: max(len(pair.ids) for pair in item[0]))
    batches = [
        drawn[i : i + plan.questions]
        for i in range(0, len(drawn) - plan.questions + 1, plan.questions)
    ]
    rng.shuffle(batches)
    return [
        ([p for pairs, _ in batch for p in pairs], [one for _, both in batch for one in both])
        for batch in batches
    ]


def _size(rng: random.Random) -> int:
    """Tokens of a passage: six in ten short, for speed, the others as the program reads them."""
    return rng.randint(40, 110) if rng.random() < 0.6 else rng.randint(110, 230)


def load_checkpoint(work: Path) -> ReaderModel:
    """The model as the last checkpoint has it."""
    kept = torch.load(work / CHECKPOINT, map_location="cpu", weights_only=True)
    model = ReaderModel()
    model.load_state_dict(kept["model"])
    return model


def scorer(model: ReaderModel, device: torch.device) -> Scorer:
    """The model as `check` wants it."""

    @torch.inference_mode()
    def score(batch: Batch) -> tuple[np.ndarray, np.ndarray]:
        model.eval()
        batch = batch.to(device)
        with autocast(device):
            scores, relevance = model(batch.ids, batch.mask, batch.types)
        return scores.float().cpu().numpy(), relevance.float().cpu().numpy()

    return score


def _note(curve: Path, point: dict[str, float]) -> None:
    rounded = {name: round(value, 4) for name, value in point.items()}
    with curve.open("a", encoding="utf-8") as file:
        file.write(json.dumps(rounded) + "\n")
    print(json.dumps(rounded), flush=True)


def _keep(path: Path, step: int, model, optimizer, schedule, plan: Plan) -> None:  # noqa: ANN001
    partial = path.with_suffix(".partial")
    torch.save(
        {
            "step": step,
            "plan": asdict(plan),
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "schedule": schedule.state_dict(),
        },
        partial,
    )
    partial.replace(path)


def _resume(path: Path, model, optimizer, schedule, plan: Plan) -> int:  # noqa: ANN001
    """The steps that were done before; 0 when there is no checkpoint of this plan."""
    if not path.exists():
        return 0
    kept = torch.load(path, map_location="cpu", weights_only=True)
    if replace(Plan(**kept["plan"]), check_every=plan.check_every) != plan:
        raise SystemExit(f"{path} is of another plan, {kept['plan']}: move it or name that plan")
    model.load_state_dict(kept["model"])
    optimizer.load_state_dict(kept["optimizer"])
    schedule.load_state_dict(kept["schedule"])
    return kept["step"]

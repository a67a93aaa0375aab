"""Trained weights to what ships: one ONNX file with 8-bit weights, and the tokenizer."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic

from assistant.models.cross_encoder import TOKENIZER, WEIGHTS
from eval.training.check import Scorer
from eval.training.model import Batch, ReaderModel, packaged_folder

INPUTS = ("ids", "mask", "types")
OUTPUTS = ("token_scores", "relevance")


def export(model: ReaderModel, folder: Path) -> None:
    """Writes `WEIGHTS` and `TOKENIZER` into `folder`.

    Weights become signed bytes with a scale per column, activations are scaled as they come.
    """
    model = model.cpu().eval()
    example = tuple(torch.ones((2, 16), dtype=torch.int64) for _ in INPUTS)
    axes = {name: {0: "pairs", 1: "tokens"} for name in (*INPUTS, "token_scores")}
    with tempfile.TemporaryDirectory() as temporary:
        whole = Path(temporary) / "float32.onnx"
        torch.onnx.export(
            model,
            example,
            whole,
            input_names=INPUTS,
            output_names=OUTPUTS,
            dynamic_axes=axes | {"relevance": {0: "pairs"}},
            opset_version=17,
            dynamo=False,
        )
        quantize_dynamic(whole, folder / WEIGHTS, per_channel=True, weight_type=QuantType.QInt8)
    shutil.copyfile(packaged_folder() / "tokenizer.json", folder / TOKENIZER)


def shipped(folder: Path) -> Scorer:
    """The exported weights as `check` wants them."""
    session = onnxruntime.InferenceSession(
        str(folder / WEIGHTS), providers=["CPUExecutionProvider"]
    )

    def score(batch: Batch) -> tuple[np.ndarray, np.ndarray]:
        inputs = {name: getattr(batch, name).numpy() for name in INPUTS}
        scores, relevance = session.run(None, inputs)
        return scores, relevance

    return score

"""An optional second opinion: llama-index's evaluators ask a language model that the user names.

Never the default: it costs calls, sends the passages to the model, and its scores change with the
model. The other measures need no model.
"""

from importlib import import_module
from typing import Any

from llama_index.core.evaluation import CorrectnessEvaluator, FaithfulnessEvaluator
from llama_index.core.llms import LLM

from assistant.errors import ModelError
from assistant.schema import Answer
from eval.datasets import Question
from eval.run import Judge


def llm_judge(place: str) -> Judge:
    """A judge that asks the model at `place`.

    Args:
        place: ``MODULE:NAME`` of a llama-index ``LLM``, or of a function that returns one.

    Raises:
        ModelError: it cannot be imported.
    """
    module, _, name = place.partition(":")
    try:
        found: Any = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ModelError(
            place, f"cannot be imported ({error})", "name it as MODULE:NAME of a llama-index LLM"
        ) from error
    llm = found if isinstance(found, LLM) else found()
    correctness, faithfulness = CorrectnessEvaluator(llm=llm), FaithfulnessEvaluator(llm=llm)

    def judge(question: Question, answer: Answer) -> dict[str, float]:
        contexts = [citation.context for citation in answer.citations]
        faithful = faithfulness.evaluate(response=answer.text, contexts=contexts)
        values = {"judged faithfulness": float(bool(faithful.passing))}
        if question.reference:
            correct = correctness.evaluate(
                query=question.text, response=answer.text, reference=question.reference
            )
            # The evaluator's scores go from 1 to 5.
            values["judged correctness"] = ((correct.score or 1.0) - 1.0) / 4.0
        return values

    return judge

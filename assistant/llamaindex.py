"""Our retrieval and our reader as components for llama-index programs.

with open_assistant() as assistant:
    nodes = PassageRetriever(assistant).retrieve("what did Galuzin say about the EU mission")
nodes = ReaderPostprocessor(top_n=3).postprocess_nodes(nodes, query_str="what did Galuzin say …")
"""

import math

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import BaseNode, MetadataMode, NodeWithScore, QueryBundle, TextNode
from pydantic import PrivateAttr

from assistant.assistant import Assistant
from assistant.models.cross_encoder import CrossEncoder, PassageScores
from assistant.schema import ScoredPassage
from assistant.text.sentences import split_sentences

FOUND = ("evidence", "short_answer")
"""Metadata that `ReaderPostprocessor` adds."""


class PassageRetriever(BaseRetriever):
    """Passages as nodes: id ``ARTICLE#START-END``, offsets and article facts kept.

    Args:
        limit: the most nodes returned for a question.
    """

    def __init__(self, assistant: Assistant, limit: int = 10) -> None:
        super().__init__()
        self._assistant = assistant
        self._limit = limit

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        found = self._assistant.retrieve(query_bundle.query_str, self._limit)
        return [NodeWithScore(node=_node(scored), score=scored.score) for scored in found]


def _node(scored: ScoredPassage) -> TextNode:
    passage = scored.passage
    return TextNode(
        id_=f"{passage.article_id}#{passage.start}-{passage.end}",
        text=passage.text,
        start_char_idx=passage.start,
        end_char_idx=passage.end,
        metadata={"article_id": passage.article_id, "heading": passage.heading},
        excluded_llm_metadata_keys=["article_id"],
    )


class ReaderPostprocessor(BaseNodePostprocessor):
    """Orders the nodes of any retriever by the probability that they answer.

    That is then the score of a node. Its metadata get `evidence`, the sentence that answers best,
    and `short_answer` if the model rates one above "no answer". The retriever's scores, which
    `Assistant.ask` weighs too, are not used.
    """

    top_n: int = 5
    """The most nodes that are kept."""
    least: float = 0.0
    """Nodes of lower probability are dropped."""
    _model: CrossEncoder = PrivateAttr(default_factory=CrossEncoder)

    @classmethod
    def class_name(cls) -> str:
        """The name that llama-index gives it in a serialised pipeline."""
        return "ReaderPostprocessor"

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        if query_bundle is None:
            raise ValueError("ReaderPostprocessor needs the question: pass query_str")
        texts = [node.node.get_content(MetadataMode.NONE) for node in nodes]
        headings = [str(node.node.metadata.get("heading", "")) for node in nodes]
        scores = self._model.read(query_bundle.query_str, list(zip(headings, texts, strict=True)))
        read = [
            NodeWithScore(
                node=_annotated(node.node, text, s), score=1 / (1 + math.exp(-s.relevance))
            )
            for node, text, s in zip(nodes, texts, scores, strict=True)
        ]
        read.sort(key=lambda node: -(node.score or 0.0))
        return [node for node in read if (node.score or 0.0) >= self.least][: self.top_n]


def _annotated(node: BaseNode, text: str, scores: PassageScores) -> BaseNode:
    """A copy of the node with the sentence that answers best in its metadata."""
    spans = split_sentences(text)
    if not spans:
        return node
    start, end = max(spans, key=lambda span: scores.evidence(*span))
    first, last, logit = scores.answer(start, end)
    found = {"evidence": text[start:end]}
    if logit > 0:
        found["short_answer"] = text[first:last]
    kept = {key: value for key, value in node.metadata.items() if key not in FOUND}
    copy = node.model_copy(update={"metadata": kept | found})
    for keys in ("excluded_llm_metadata_keys", "excluded_embed_metadata_keys"):
        setattr(copy, keys, list(dict.fromkeys([*getattr(node, keys), *FOUND])))
    return copy

"""The seam to llama-index programs: our retrieval as one of their retrievers.

with open_assistant() as assistant:
    nodes = PassageRetriever(assistant).retrieve("what did Galuzin say about the EU mission")
"""

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from assistant.assistant import Assistant
from assistant.schema import ScoredPassage


class PassageRetriever(BaseRetriever):
    """Passages as nodes: id ``ARTICLE#START-END``, offsets and article facts kept.

    Args:
        limit: most nodes that a question gets.
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

"""Our retrieval and our reader as parts of a llama-index program."""

import copy
import pickle

import pytest
from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import MetadataMode, NodeWithScore, TextNode

from assistant.llamaindex import PassageRetriever, ReaderPostprocessor

TRAM = "When did the tram line open?"
OPENED = "“The tram line opened in 1998,” the engineer said."
TEXTS = {
    "zebra": "The zebra lives in the savannah. It eats grass and is hunted by lions.",
    "tram": f"Maria Kowalska drives to work every day. {OPENED} It carries 40,000 people.",
    "storm": "A storm hit the coast on Monday. Fourteen ships were in the harbour when it came.",
    "bread": "The bakery sells rye bread. Customers queue from six in the morning.",
}
FOUND = ("evidence", "short_answer")


def test_our_passages_are_nodes_of_a_llama_index_program(bundled):
    nodes = PassageRetriever(bundled, limit=5).retrieve("Which countries are in the CSTO?")
    assert len(nodes) == 5
    for node in nodes:
        text = bundled.article(node.node.metadata["article_id"]).text
        assert text[node.node.start_char_idx : node.node.end_char_idx] == node.node.text


@pytest.fixture(scope="module")
def postprocessor():
    return ReaderPostprocessor(top_n=len(TEXTS))


def plain(*names):
    """Nodes as any retriever finds them, the last one with the highest score."""
    return [
        NodeWithScore(node=TextNode(id_=name, text=TEXTS[name]), score=float(place))
        for place, name in enumerate(names or TEXTS)
    ]


def test_the_node_that_answers_comes_first_with_its_sentence_and_its_words(postprocessor):
    read = postprocessor.postprocess_nodes(plain(), query_str=TRAM)
    assert {node.node.node_id for node in read} == set(TEXTS)
    scores = [node.score for node in read]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    first = read[0].node
    assert (first.node_id, first.text) == ("tram", TEXTS["tram"])
    assert {name: first.metadata[name] for name in FOUND} == {
        "evidence": OPENED,
        "short_answer": "1998",
    }
    assert read[0].score > 0.5 > read[1].score
    assert not any("short_answer" in node.node.metadata for node in read[1:])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_copy_reads_as_the_first_does(postprocessor, copied):
    first = postprocessor.postprocess_nodes(plain(), query_str=TRAM)
    again = copied(postprocessor).postprocess_nodes(plain(), query_str=TRAM)
    assert [(n.node.node_id, n.score) for n in again] == [(n.node.node_id, n.score) for n in first]


@pytest.mark.parametrize(
    "question, name",
    [
        (TRAM, "tram"),
        ("How many ships were in the harbour?", "storm"),
        ("What does the zebra eat?", "zebra"),
    ],
)
@pytest.mark.parametrize("order", [list(TEXTS), list(TEXTS)[::-1]])
def test_the_order_of_the_retriever_does_not_matter(postprocessor, question, name, order):
    read = postprocessor.postprocess_nodes(plain(*order), query_str=question)
    assert read[0].node.node_id == name


def test_the_nodes_of_our_own_retriever_are_read_in_a_query_engine(bundled):
    question = "When did Armenia join the Eurasian Economic Union?"
    retriever = PassageRetriever(bundled, limit=10)
    engine = RetrieverQueryEngine.from_args(
        retriever, llm=MockLLM(), node_postprocessors=[ReaderPostprocessor(top_n=3)]
    )
    answer = engine.query(question)
    assert len(answer.source_nodes) == 3
    before = {node.node.node_id: node.node for node in retriever.retrieve(question)}
    for node in answer.source_nodes:
        old = before[node.node.node_id]
        assert node.node.text == old.text
        assert (node.node.start_char_idx, node.node.end_char_idx) == (
            old.start_char_idx,
            old.end_char_idx,
        )
        assert node.node.metadata.items() >= old.metadata.items()
        assert node.node.metadata["evidence"] in node.node.text
        assert node.node.metadata.get("short_answer", "") in node.node.metadata["evidence"]
    assert "2015" in answer.source_nodes[0].node.text
    # What was found is for the program; the language model and the index see the node as it was.
    shown = answer.source_nodes[0].node
    for mode in (MetadataMode.LLM, MetadataMode.EMBED):
        assert shown.get_content(mode) == before[shown.node_id].get_content(mode)
    assert shown.text in answer.response  # MockLLM says its prompt


def test_the_heading_of_a_node_is_read_with_it(postprocessor):
    text = "It opened in 1998. Everybody came."
    nodes = [
        NodeWithScore(node=TextNode(id_=heading, text=text, metadata={"heading": heading}))
        for heading in ("Lions of the savannah", "The tram line")
    ]
    read = postprocessor.postprocess_nodes(nodes, query_str=TRAM)
    assert [node.node.node_id for node in read] == ["The tram line", "Lions of the savannah"]


@pytest.mark.parametrize("top_n, kept", [(1, 1), (2, 2), (4, 4), (50, 4), (0, 0)])
def test_as_many_nodes_stay_as_are_wanted(postprocessor, top_n, kept):
    every = postprocessor.postprocess_nodes(plain(), query_str=TRAM)
    some = ReaderPostprocessor(top_n=top_n).postprocess_nodes(plain(), query_str=TRAM)
    assert [node.node.node_id for node in some] == [node.node.node_id for node in every[:kept]]


def test_nodes_that_are_not_probable_enough_are_dropped(postprocessor):
    every = postprocessor.postprocess_nodes(plain(), query_str=TRAM)
    strict = ReaderPostprocessor(least=0.5).postprocess_nodes(plain(), query_str=TRAM)
    assert [node.node.node_id for node in strict] == ["tram"]
    at = ReaderPostprocessor(least=every[1].score).postprocess_nodes(plain(), query_str=TRAM)
    assert len(at) == 2
    assert ReaderPostprocessor(least=1.0).postprocess_nodes(plain(), query_str=TRAM) == []


def test_the_nodes_that_were_handed_in_stay_as_they_were(postprocessor):
    nodes = plain()
    nodes[1].node.metadata["page"] = 7
    nodes[1].node.excluded_llm_metadata_keys.append("page")
    before = [node.model_dump() for node in nodes]
    read = postprocessor.postprocess_nodes(nodes, query_str=TRAM)
    assert [node.model_dump() for node in nodes] == before
    assert read[0].node.metadata["page"] == 7
    assert set(read[0].node.excluded_llm_metadata_keys) == {"page", *FOUND}


def test_reading_again_replaces_what_was_found(postprocessor):
    once = postprocessor.postprocess_nodes(plain("tram"), query_str=TRAM)
    [again] = postprocessor.postprocess_nodes(once, query_str="How many people does it carry?")
    assert again.node.metadata["evidence"] == "It carries 40,000 people."
    assert again.node.metadata.get("short_answer") != "1998"
    [other] = postprocessor.postprocess_nodes(once, query_str="What does the zebra eat?")
    assert "short_answer" not in other.node.metadata
    assert sorted(again.node.excluded_llm_metadata_keys) == sorted(FOUND)


def test_a_postprocessor_without_a_question_says_what_it_needs(postprocessor):
    with pytest.raises(ValueError, match="query_str"):
        postprocessor.postprocess_nodes(plain())


def test_no_nodes_are_no_nodes(postprocessor):
    assert postprocessor.postprocess_nodes([], query_str=TRAM) == []


@pytest.mark.parametrize("text", ["", " \n", "😀", "\ud800", "word " * 3_000])
def test_odd_nodes_are_read_without_a_fuss(postprocessor, text):
    odd = NodeWithScore(node=TextNode(id_="odd", text=text))
    read = postprocessor.postprocess_nodes([odd, *plain()], query_str=TRAM)
    assert read[0].node.node_id == "tram"
    kept = ReaderPostprocessor(top_n=9).postprocess_nodes([odd, *plain()], query_str=TRAM)
    [same] = [node.node for node in kept if node.node.node_id == "odd"]
    assert same.text == text
    assert same.metadata.get("evidence", "") in text


def test_a_postprocessor_is_the_same_after_it_was_written_down():
    kept = ReaderPostprocessor(top_n=1, least=0.25).to_dict()
    again = ReaderPostprocessor.from_dict(kept)
    assert (again.top_n, again.least) == (1, 0.25)
    assert [n.node.node_id for n in again.postprocess_nodes(plain(), query_str=TRAM)] == ["tram"]

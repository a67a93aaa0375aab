def test_our_passages_are_nodes_of_a_llama_index_program(bundled):
    from assistant.llamaindex import PassageRetriever

    nodes = PassageRetriever(bundled, limit=5).retrieve("Which countries are in the CSTO?")
    assert len(nodes) == 5
    for node in nodes:
        text = bundled.article(node.node.metadata["article_id"]).text
        assert text[node.node.start_char_idx : node.node.end_char_idx] == node.node.text

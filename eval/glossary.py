"""The names of all measures and outcomes, each with its meaning in a line."""

MEASURES: dict[str, dict[str, str]] = {
    "Retrieval": {
        "article hit@1": "the best passage is of an article that answers",
        "article hit@5": "an article that answers is among the first 5",
        "article hit@10": "an article that answers is among the first 10",
        "article recall@10": "share of the articles that answer among the first 10",
        "article MRR": "1 / rank of the first article that answers",
        "article nDCG@10": "articles that answer, discounted by rank",
        "evidence hit@1": "the best passage holds evidence",
        "evidence hit@5": "evidence is in the first 5 passages",
        "evidence hit@10": "evidence is in the first 10 passages",
        "evidence recall@10": "share of the evidence in the first 10 passages",
        "evidence MRR": "1 / rank of the first passage that holds evidence",
        "evidence nDCG@10": "passages that hold evidence, discounted by rank",
        "read article hit@1": "after reading, the best passage is of an article that answers",
        "read article MRR": "after reading, 1 / rank of the first article that answers",
        "read evidence hit@1": "after reading, the best passage holds evidence",
        "read evidence MRR": "after reading, 1 / rank of the first passage that holds evidence",
    },
    "Answer": {
        "exact match": "the short answer equals an expected one",
        "token F1": "words that the short answer has in common with an expected one",
        "contains answer": "an expected answer stands in what is quoted",
        "ROUGE-L": "words in common with the reference, in its order",
        "semantic similarity": "nearness of meaning to the reference",
        "item recall": "share of the items of a list that the quotes name",
        "judged correctness": "how right a language model finds the answer",
    },
    "Citations": {
        "citation recall": "share of statements that their citations support",
        "citation precision": "share of citations that support their statement",
        "quote exactness": "share of quotes that stand in the article, letter by letter",
        "evidence cited": "a citation quotes evidence",
        "evidence cited first": "the first citation quotes evidence",
        "evidence coverage": "share of the evidence that the citations quote",
        "quote precision": "share of quotes that hold evidence",
        "judged faithfulness": "a language model finds the answer borne out by its citations",
    },
    "Refusal": {
        "false-answer rate": "share of the unanswerable questions answered all the same",
        "false-refusal rate": "share of the answerable questions refused",
        "refusal AUROC": "an answerable question is trusted more than an unanswerable one",
        "refusal AUROC, near": "the same, of unanswerable questions near the topic only",
        "refusal AUROC, far": "the same, of unanswerable questions about something else only",
    },
    "Follow-ups": {
        "follow-up MRR": "evidence found for follow-ups in their conversation",
        "typed follow-up MRR": "evidence found for the same questions as they were typed, alone",
        "stand-alone MRR": "evidence found for the same questions made to stand alone",
    },
}
"""By group, in the order shown; the formulas are in `eval.measures`."""

MEASURED = tuple(name for group in MEASURES.values() for name in group)
LOWER_IS_BETTER = frozenset({"false-answer rate", "false-refusal rate"})

OUTCOMES: dict[str, str] = {
    "should have refused": "answered, although the articles do not say",
    "wrong sentence": "the passage that holds the evidence was cited, another sentence quoted",
    "retrieved but not chosen": "the evidence was retrieved, but other passages were cited",
    "not retrieved": "the evidence was not among the passages read",
    "should have answered": "refused, although the articles say",
    "unknown": "not judged: no evidence is known, or nothing was answered",
    "right": "a citation quotes the evidence",
    "rightly refused": "the articles do not say, and the assistant said so",
}
"""In the order of the report, the wrong ones first."""
RIGHT = ("right", "rightly refused")

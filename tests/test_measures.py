"""The measures against numbers worked by hand, against their laws, and against other libraries."""

import math
import random

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from scipy.stats import bootstrap, ttest_rel
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

from eval import measures as m
from eval import statistics as s

NAN = pytest.approx(math.nan, nan_ok=True)
WORDS = st.lists(st.sampled_from("the a EU mission talks, “Tass” said — 2023".split()), max_size=8)
TEXTS = WORDS.map(" ".join)
KEYS = "abcdef"
RANKINGS = st.lists(st.frozensets(st.sampled_from(KEYS), max_size=3), max_size=8)
GOLD = st.frozensets(st.sampled_from(KEYS), min_size=1)
SCORED = st.lists(st.tuples(st.integers(-5, 5).map(float), st.booleans()), max_size=20)
NUMBERS = st.lists(st.floats(0, 1), min_size=1, max_size=30)


def ranking(text):
    """ "a bc -" is three ranks: the key a, the keys b and c, nothing."""
    return [frozenset(keys.replace("-", "")) for keys in text.split()]


# Retrieval

# Discounts 1/log2(1 + rank): 1 → 1, 2 → 0.63093, 3 → 0.5, 4 → 0.43068.
SEARCHES = [
    # ranks 1 and 3 of the ideal 1 and 2: (1 + 0.5) / (1 + 0.63093) = 0.91972
    pytest.param("a x b", "ab", 3, 1, 1, 1, 0.91972, id="both found, one late"),
    # only rank 2, of an ideal of one: 0.63093
    pytest.param("x a", "a", 10, 1, 1, 1 / 2, 0.63093, id="second"),
    # b at rank 4 is below the cut; 1 / (1 + 0.63093) = 0.61315
    pytest.param("a x y b", "ab", 3, 1 / 2, 1, 1, 0.61315, id="one below the cut"),
    # found at 3 only, cut at 2; the reciprocal rank knows no cut
    pytest.param("x y a", "a", 2, 0, 0, 1 / 3, 0, id="all below the cut"),
    # a again at rank 2 gains nothing: (1 + 0.5) / (1 + 0.63093)
    pytest.param("a a b", "ab", 3, 1, 1, 1, 0.91972, id="a key counts once"),
    # both at rank 1, which gains 1 of an ideal of two ranks: 1 / 1.63093
    pytest.param("ab", "ab", 3, 1, 1, 1, 0.61315, id="two keys at one rank"),
    # three gold, two ranks: the ideal has min(3, 2) = 2 ones
    pytest.param("a b", "abc", 2, 2 / 3, 1, 1, 1, id="more gold than ranks"),
    pytest.param("x - y", "a", 3, 0, 0, 0, 0, id="nothing found"),
    pytest.param("", "a", 3, 0, 0, 0, 0, id="nothing ranked"),
    pytest.param("a", "", 3, *[math.nan] * 4, id="no gold"),
]


@pytest.mark.parametrize("ranks, gold, k, recall, hit, reciprocal, ndcg", SEARCHES)
def test_searches(ranks, gold, k, recall, hit, reciprocal, ndcg):
    found, gold = ranking(ranks), set(gold)
    assert m.recall_at(found, gold, k) == pytest.approx(recall, nan_ok=True)
    assert m.hit_at(found, gold, k) == pytest.approx(hit, nan_ok=True)
    assert m.reciprocal_rank(found, gold) == pytest.approx(reciprocal, nan_ok=True)
    assert m.ndcg_at(found, gold, k) == pytest.approx(ndcg, abs=1e-5, nan_ok=True)


@settings(deadline=None)
@given(RANKINGS, GOLD, st.integers(1, 9))
def test_searches_stay_in_bounds_and_recall_grows_with_k(found, gold, k):
    recalls = [m.recall_at(found, gold, at) for at in range(1, 10)]
    assert recalls == sorted(recalls)
    values = [*recalls, m.reciprocal_rank(found, gold), m.ndcg_at(found, gold, k)]
    assert all(0 <= value <= 1 for value in values)
    assert m.hit_at(found, gold, k) == (m.recall_at(found, gold, k) > 0)
    assert (m.reciprocal_rank(found, gold) > 0) == (m.recall_at(found, gold, 9) > 0)


def test_an_article_is_ranked_at_its_best_passage():
    assert m.article_ranking(["x", "x", "y", "x", "z"]) == [{"x"}, {"y"}, {"z"}]
    assert m.reciprocal_rank(m.article_ranking(["x", "x", "y"]), {"y"}) == 1 / 2


def test_evidence_is_found_across_line_breaks_and_nowhere_else():
    texts = ["The mission\n  was launched.", "He left. The", "mission was. He left."]
    evidence = {"mission was launched", "He  left.", " "}
    found = m.evidence_ranking(texts, evidence)
    assert found == [{"mission was launched"}, {"He  left."}, {"He  left."}]


def test_200_random_rankings_agree_with_trec_eval():
    rng = random.Random(1)
    for _ in range(200):
        ids = [f"d{n}" for n in range(30)]
        ranked = rng.sample(ids, rng.randint(1, 25))
        gold, k = set(rng.sample(ids, rng.randint(1, 12))), rng.randint(1, 15)
        cuts = [cut @ k for cut in (ir_measures.R, ir_measures.Success, ir_measures.nDCG)]
        reference = ir_measures.calc_aggregate(
            [*cuts, ir_measures.RR],
            [ir_measures.Qrel("q", article, 1) for article in gold],
            [ir_measures.ScoredDoc("q", article, -rank) for rank, article in enumerate(ranked)],
        )
        found = m.article_ranking(ranked)
        ours = [measure(found, gold, k) for measure in (m.recall_at, m.hit_at, m.ndcg_at)]
        ours.append(m.reciprocal_rank(found, gold))
        assert ours == pytest.approx([reference[name] for name in [*cuts, ir_measures.RR]])


# Answers


@pytest.mark.parametrize(
    "text, expected",
    [
        pytest.param("The  EU\nMission!", "eu mission", id="case, article, white space, stop"),
        pytest.param('“Tass”, ‘Tass’ and "Tass"', "tass tass and tass", id="quotation marks"),
        pytest.param("Armenia’s pre–war co-op", "armenias prewar coop", id="apostrophe, hyphens"),
        pytest.param("Grigoryan—a deputy…once", "grigoryan deputy once", id="dashes part words"),
        pytest.param("a theatre an anthem", "theatre anthem", id="articles are whole words"),
        pytest.param("A. The?", "", id="nothing left"),
    ],
)
def test_answers_are_normalised(text, expected):
    assert m.normalise_answer(text) == expected


@pytest.mark.parametrize(
    "answer, expected, exact, f1",
    [
        pytest.param("The EU.", ["eu"], 1, 1, id="equal"),
        # common: february 2023, of 2 and 3 words: 2·2 / (2 + 3)
        pytest.param("February 2023", ["20 February 2023"], 0, 0.8, id="part"),
        # common: one "very" and "good" of 3 and 2 words: 2·2 / (3 + 2)
        pytest.param("very very good", ["very good"], 0, 0.8, id="repeated words count once each"),
        pytest.param("Tass", ["Reuters", "Tass agency", "the TASS"], 1, 1, id="best of several"),
        pytest.param("Tass", ["Reuters"], 0, 0, id="nothing common"),
        pytest.param("", ["Tass"], 0, 0, id="empty answer"),
        pytest.param("Tass", [], 0, 0, id="answered, none expected"),
        pytest.param("", [], 1, 1, id="empty, none expected"),
        pytest.param("", ["the", "Tass"], 0, 0, id="an empty one among others is none"),
        pytest.param("The!", ["a"], 1, 1, id="both empty when normalised"),
    ],
)
def test_answers_against_expected_ones(answer, expected, exact, f1):
    assert m.exact_match(answer, expected) == exact
    assert m.token_f1(answer, expected) == pytest.approx(f1)


@settings(deadline=None)
@given(TEXTS, st.lists(TEXTS, max_size=3))
def test_answer_measures_keep_their_laws(answer, expected):
    f1 = m.token_f1(answer, expected)
    assert 0 <= m.exact_match(answer, expected) <= f1 <= 1
    assert m.token_f1(answer, [answer]) == m.exact_match(answer, [answer]) == 1
    for other in expected:
        assert m.token_f1(answer, [other]) == m.token_f1(other, [answer])
        assert m.token_f1(answer, [other]) <= f1 or not m.normalise_answer(other)
        assert 0 <= m.rouge_l(answer, other) <= 1


def test_one_string_is_not_taken_for_a_sequence_of_letters():
    with pytest.raises(TypeError, match="'Tass'"):
        m.exact_match("Tass", "Tass")


@pytest.mark.parametrize(
    "answer, reference, expected",
    [
        # police · the gunman is the longest in order: 3 of 4 and 4 words (Lin 2004, § 3.1)
        pytest.param("police kill the gunman", "police killed the gunman", 3 / 4, id="Lin's S2"),
        # the gunman or the · police: 2 of 4 and 4
        pytest.param("the gunman kill police", "police killed the gunman", 2 / 4, id="Lin's S3"),
        # a, c of 2 and 4: 2·2 / (2 + 4)
        pytest.param("a c", "A, b; C d", 2 / 3, id="gaps are free"),
        pytest.param("", "a", 0, id="empty"),
        pytest.param("Ելք", "Ելք", 0, id="another script has no words"),
    ],
)
def test_rouge_l(answer, reference, expected):
    assert m.rouge_l(answer, reference) == pytest.approx(expected)


def test_200_random_texts_agree_with_rouge_score():
    scorer, rng = RougeScorer(["rougeL"], use_stemmer=False), random.Random(2)
    vocabulary = ["EU", "mission,", "the", "co-op", "2023", "“said”", "é", "\n", "naïve", "it's"]
    for _ in range(200):
        one, other = (" ".join(rng.choices(vocabulary, k=rng.randint(0, 15))) for _ in "ab")
        reference = scorer.score(other, one)["rougeL"].fmeasure
        assert m.rouge_l(one, other) == pytest.approx(reference)


@pytest.mark.parametrize(
    "answer, items, expected",
    [
        pytest.param(
            "Russia, Belarus and the Kazakhs.",
            [["Russia"], ["Belarus"], ["Kazakhstan", "the Kazakhs"], ["Tajikistan"]],
            3 / 4,
            id="by any spelling",
        ),
        pytest.param("Nigerians", [["Niger"]], 0, id="not inside a word"),
        pytest.param("the Soviet, Union", [["Soviet Union"]], 1, id="punctuation between words"),
        pytest.param("Soviet trade Union", [["Soviet Union"]], 0, id="words in sequence"),
        pytest.param("anything", [["The"], []], 0, id="spellings of nothing are never found"),
        pytest.param("anything", [], math.nan, id="no items"),
    ],
)
def test_item_recall(answer, items, expected):
    assert m.item_recall(answer, items) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    "answer, expected, contained",
    [
        pytest.param("It began on 20 February 2023.", ["February 2023"], 1, id="inside"),
        pytest.param("It began in 2023.", ["February 2023", "in 2023"], 1, id="any of them"),
        pytest.param("Armenia's army", ["Armenia"], 0, id="SQuAD joins the possessive s"),
        pytest.param("", ["Armenia"], 0, id="empty answer"),
        pytest.param("Armenia", ["the"], math.nan, id="nothing expected"),
    ],
)
def test_contains_answer(answer, expected, contained):
    assert m.contains_answer(answer, expected) == pytest.approx(contained, nan_ok=True)


# Citations


def needs(premise, hypothesis):
    """A judge to be foreseen: "xy" is supported by a premise that holds both letters."""
    return set(hypothesis) <= set(premise)


@pytest.mark.parametrize(
    "statements, recall, precision",
    [
        pytest.param([("x", "x")], 1, 1, id="supported by one"),
        pytest.param([("x", "y")], 0, 0, id="supported by none"),
        pytest.param([("xy", "x", "y")], 1, 1, id="each is needed"),
        pytest.param([("x", "x", "x")], 1, 1, id="each supports alone"),
        # y supports nothing alone, and x does without it
        pytest.param([("x", "x", "y")], 1, 1 / 2, id="one is idle"),
        # x is part of xy: x alone is not enough, xy alone is
        pytest.param([("xy", "x", "xy")], 1, 1 / 2, id="one says less than the other"),
        # together they lack z, so neither is precise
        pytest.param([("xyz", "x", "y")], 0, 0, id="not even together"),
        pytest.param([("x",), ("y", "y")], 1 / 2, 1, id="a statement without citations"),
        pytest.param([("x",)], 0, 0, id="no citations at all"),
        # supported: 1 of 2; precise: 1 of 2 and 0 of 1
        pytest.param([("x", "x", "y"), ("x", "z")], 1 / 2, 1 / 3, id="citations are pooled"),
        pytest.param([], math.nan, math.nan, id="no statements"),
    ],
)
def test_citations(statements, recall, precision):
    statements = [m.Statement(text, tuple(cited)) for text, *cited in statements]
    assert m.citation_recall(statements, needs) == pytest.approx(recall, nan_ok=True)
    assert m.citation_precision(statements, needs) == pytest.approx(precision, nan_ok=True)


LETTERS = st.text("xyz", min_size=1, max_size=3)


@settings(deadline=None)
@given(st.lists(st.builds(m.Statement, LETTERS, st.lists(LETTERS, max_size=3).map(tuple))))
def test_citation_measures_stay_in_bounds(statements):
    if statements:
        recall = m.citation_recall(statements, needs)
        precision = m.citation_precision(statements, needs)
        assert 0 <= recall <= 1
        assert 0 <= precision <= 1
        assert precision == 0 or recall > 0


PREMISE = "He said: “We won’t leave — ever.”\nThe mission of the European Union began in 2023."


@pytest.mark.parametrize(
    "hypothesis, threshold, expected",
    [
        pytest.param('"We won\'t leave -  ever."', 2, True, id="verbatim but for the marks"),
        pytest.param(
            "The mission of the European Union began in 2023. “We won’t leave — ever.”",
            2,
            True,
            id="in another order",
        ),
        pytest.param(
            "We won’t leave\n\nThe mission of the European", 2, True, id="paragraphs without stops"
        ),
        pytest.param("The mission began in 2023.", 2, False, id="not verbatim, no proxy"),
        pytest.param("The mission began in 2023.", 1, True, id="all its words"),
        # mission, began, 2024: two of three
        pytest.param("The missions began in 2024.", 0.6, True, id="enough of its stems"),
        pytest.param("The missions began in 2024.", 0.7, False, id="too few of its stems"),
        pytest.param(
            "The European Union will leave the mission.",
            1,
            True,
            id="the proxy is blind to who did what",
        ),
        pytest.param("He has it.", 0.5, False, id="stop words only"),
        pytest.param("", 0, False, id="empty"),
    ],
)
def test_the_judge_without_a_model(hypothesis, threshold, expected):
    assert m.verbatim_support(PREMISE, hypothesis, threshold=threshold) is expected


@pytest.mark.parametrize(
    "start, end, quote, expected",
    [
        pytest.param(0, 2, "He", True, id="exact"),
        pytest.param(1, 3, "He", False, id="moved"),
        pytest.param(0, 2, "he", False, id="another case"),
        pytest.param(3, 9, "left.", False, id="past the end"),
        pytest.param(-5, 8, "left.", False, id="counted from the end"),
        pytest.param(2, 2, "", False, id="empty"),
    ],
)
def test_quotes_are_exact(start, end, quote, expected):
    assert m.quotes_exact("He left.", start, end, quote) is expected


@pytest.mark.parametrize(
    "quotes, evidence, expected",
    [
        pytest.param(["It\nbegan in 2023."], ["began  in"], 1, id="evidence inside a quote"),
        pytest.param(["began"], ["It began in 2023."], 1, id="a quote inside evidence"),
        pytest.param(["It began"], ["It began", "in 2023"], 1 / 2, id="one of two"),
        pytest.param(["It began in"], ["began in 2023"], 0, id="partial overlap"),
        pytest.param(["", " "], ["began"], 0, id="empty quotes hit nothing"),
        pytest.param(["began"], ["  "], math.nan, id="no evidence"),
    ],
)
def test_evidence_hit(quotes, evidence, expected):
    assert m.evidence_hit(quotes, evidence) == pytest.approx(expected, nan_ok=True)


# Refusing


@pytest.mark.parametrize(
    "answered, answerable, false_answers, false_refusals",
    [
        # unanswerable: the last two, one answered; answerable: the first three, one refused
        pytest.param([1, 1, 0, 1, 0], [1, 1, 1, 0, 0], 1 / 2, 1 / 3, id="both errors"),
        pytest.param([1, 0], [1, 0], 0, 0, id="no errors"),
        pytest.param([1, 0], [1, 1], math.nan, 1 / 2, id="none unanswerable"),
        pytest.param([1, 0], [0, 0], 1 / 2, math.nan, id="none answerable"),
        pytest.param([], [], math.nan, math.nan, id="no questions"),
    ],
)
def test_rates(answered, answerable, false_answers, false_refusals):
    rates = m.false_answer_rate(answered, answerable), m.false_refusal_rate(answered, answerable)
    assert rates == pytest.approx((false_answers, false_refusals), nan_ok=True)


@pytest.mark.parametrize(
    "scores, labels, expected",
    [
        # pairs (positive, negative): 3>2, 3>1, 1<2, 1=1: (1 + 1 + 0 + ½) / 4
        pytest.param([3, 1, 2, 1], [1, 1, 0, 0], 2.5 / 4, id="worked"),
        pytest.param([2, 1], [1, 0], 1, id="parted"),
        pytest.param([1, 2], [1, 0], 0, id="turned round"),
        pytest.param([1, 1, 1], [1, 0, 0], 1 / 2, id="all tied"),
        pytest.param([1, 2], [1, 1], math.nan, id="one class"),
    ],
)
def test_auroc(scores, labels, expected):
    assert m.auroc(scores, labels) == pytest.approx(expected, nan_ok=True)


@settings(deadline=None)
@given(SCORED)
def test_auroc_of_turned_scores_is_its_complement(rows):
    scores, labels = np.array([r[0] for r in rows]), [r[1] for r in rows]
    area = m.auroc(scores, labels)
    assert math.isnan(area) == (len(set(labels)) < 2)
    if not math.isnan(area):
        assert 0 <= area <= 1
        assert m.auroc(-scores, labels) == pytest.approx(1 - area)
        assert area == pytest.approx(roc_auc_score(labels, scores))


@pytest.mark.parametrize("measure", [m.auroc, m.refusal_curve])
def test_a_score_that_is_nan_is_not_ranked(measure):
    with pytest.raises(ValueError, match="nan"):
        measure([0.5, math.nan], [True, False])


def test_the_choices_of_a_threshold():
    # Scores .2 (unanswerable), .5 (answerable), .5 (unanswerable), .9 (answerable).
    assert m.refusal_curve([0.2, 0.5, 0.5, 0.9], [False, True, False, True]) == [
        # none refused: precision of nothing, both unanswerable ones answered
        m.RefusalPoint(0.2, NAN, 0, 1, 0),
        # .2 refused, rightly; of two unanswerable one is answered
        m.RefusalPoint(0.5, 1, 0.5, 0.5, 0),
        # .2, .5, .5 refused: two of three rightly; one of two answerable is lost
        m.RefusalPoint(0.9, pytest.approx(2 / 3), 1, 0, 0.5),
        m.RefusalPoint(math.inf, 0.5, 1, 0, 1),
    ]


@settings(deadline=None)
@given(SCORED.filter(lambda rows: len({label for _, label in rows}) == 2))
def test_a_higher_threshold_refuses_more_and_scikit_learn_agrees(rows):
    scores, answerable = [r[0] for r in rows], [r[1] for r in rows]
    curve = m.refusal_curve(scores, answerable)
    recalls = [point.recall for point in curve]
    assert recalls == sorted(recalls)
    assert (recalls[0], recalls[-1]) == (0, 1)
    for point in curve[1:]:
        precision, recall, _, _ = precision_recall_fscore_support(
            [not label for label in answerable],
            [score < point.threshold for score in scores],
            average="binary",
        )
        assert (point.precision, point.recall) == pytest.approx((precision, recall))


# Statistics


def test_an_interval_holds_the_mean_and_is_as_wide_as_theory_says():
    # 100 values of 0 and 1, half each: standard error ½/√100 = 0.05, so 0.5 ± 1.96 · 0.05
    interval = s.bootstrap_interval([0, 1] * 50)
    assert (interval.mean, interval.count) == (0.5, 100)
    assert (interval.low, interval.high) == pytest.approx((0.402, 0.598), abs=0.012)


def test_an_interval_is_that_of_scipy():
    values = np.random.default_rng(3).gamma(2, size=80)
    ours = s.bootstrap_interval(values, level=0.9)
    theirs = bootstrap(
        (values,), np.mean, confidence_level=0.9, n_resamples=20_000, method="percentile", rng=4
    ).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.03)


@settings(deadline=None)
@given(NUMBERS, st.integers(0, 3))
def test_intervals_keep_their_laws(values, seed):
    interval = s.bootstrap_interval(values, resamples=200, seed=seed)
    assert interval == s.bootstrap_interval([*values, math.nan], resamples=200, seed=seed)
    assert min(values) - 1e-9 <= interval.low <= interval.high <= max(values) + 1e-9
    wider = s.bootstrap_interval(values, level=0.99, resamples=200, seed=seed)
    assert wider.low <= interval.low <= interval.high <= wider.high
    statistic = s.bootstrap_statistic(np.mean, values, resamples=200, seed=seed)
    assert (statistic.low, statistic.high) == pytest.approx((interval.low, interval.high))


@pytest.mark.parametrize("values", [[], [math.nan]], ids=["no values", "all nan"])
def test_nothing_has_no_interval(values):
    assert s.bootstrap_interval(values) == s.Interval(NAN, NAN, NAN, 0)


def test_rows_are_resampled_whole_and_resamples_of_one_class_are_skipped():
    # Parted scores: whatever is drawn, the area is 1, or nan where one class is missing.
    interval = s.bootstrap_statistic(m.auroc, [1, 2, 3], [False, False, True])
    assert interval == s.Interval(1, 1, 1, 3)
    assert s.bootstrap_statistic(m.auroc, [1, 2], [True, True]) == s.Interval(NAN, NAN, NAN, 2)
    assert s.bootstrap_statistic(m.auroc, [], []) == s.Interval(NAN, NAN, NAN, 0)


@pytest.mark.parametrize(
    "call",
    [lambda: s.paired_bootstrap([1, 2], [1]), lambda: s.bootstrap_statistic(m.auroc, [1, 2], [1])],
    ids=["paired", "statistic"],
)
def test_columns_of_unequal_length_are_refused(call):
    with pytest.raises(ValueError, match="length"):
        call()


def test_a_difference_worked_by_hand():
    # Gains -1 and 3, mean 1; moved to mean 0: -2 and 2. Resampled means: -2, 0, 0, 2, each as
    # likely, so |mean*| ≥ 1 in half of them.
    found = s.paired_bootstrap([1, 0, 5], [0, 3, math.nan])
    assert (found.difference, found.low, found.high) == (1, -1, 3)
    assert (found.wins, found.losses, found.ties, found.count) == (1, 1, 0, 2)
    assert found.p_value == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.2, 0.3])
def test_the_p_value_is_near_that_of_a_t_test(shift):
    rng = np.random.default_rng(5)
    a = rng.normal(0, 1, 150)
    b = a + rng.normal(shift, 1, 150)
    expected = ttest_rel(a, b).pvalue
    assert s.paired_bootstrap(a, b, resamples=10_000).p_value == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize(
    "a, b, p_value, counts",
    [
        pytest.param([0.1] * 30, [0.1] * 30, 1, (0, 0, 30), id="equal"),
        pytest.param([0.1] * 30, [0.3] * 30, 1 / 2001, (30, 0, 0), id="always better, p not 0"),
        pytest.param([1.0], [0.0], math.nan, (0, 1, 0), id="one pair proves nothing"),
        pytest.param([], [], math.nan, (0, 0, 0), id="no pairs"),
    ],
)
def test_p_values_at_the_edges(a, b, p_value, counts):
    found = s.paired_bootstrap(a, b)
    assert found.p_value == pytest.approx(p_value, nan_ok=True)
    assert (found.wins, found.losses, found.ties) == counts


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=20))
def test_a_difference_turned_round_changes_its_sign_only(pairs):
    a, b = zip(*pairs, strict=True)
    one, other = s.paired_bootstrap(a, b, resamples=200), s.paired_bootstrap(b, a, resamples=200)
    assert one == s.paired_bootstrap(a, b, resamples=200)
    assert one.difference == pytest.approx(-other.difference)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    assert one.p_value == other.p_value
    assert 0 < one.p_value <= 1
    assert (one.wins, one.losses) == (other.losses, other.wins)


@pytest.mark.parametrize(
    "values, q, expected",
    [
        # the known table of nearest ranks of 15, 20, 35, 40, 50: ⌈q · 5 / 100⌉ = 1, 2, 2, 3, 5
        *[
            pytest.param([35, 20, 15, 50, 40], q, value, id=f"P{q}")
            for q, value in [(0, 15), (5, 15), (30, 20), (40, 20), (50, 35), (100, 50)]
        ],
        # ⌈7 · 100 / 100⌉ = 7, where 0.07 · 100 would be a hair above 7
        pytest.param(list(range(1, 101)), 7, 7, id="no rounding up"),
        pytest.param([2, math.nan, 1], 50, 1, id="nan left out"),
        pytest.param([], 50, math.nan, id="no values"),
    ],
)
def test_percentiles(values, q, expected):
    assert s.percentile(values, q) == pytest.approx(expected, nan_ok=True)


@settings(deadline=None)
@given(NUMBERS, st.sampled_from([0, 25, 50, 75, 100]))
def test_percentiles_are_the_inverted_distribution_of_numpy(values, q):
    assert s.percentile(values, q) == np.percentile(values, q, method="inverted_cdf")


@pytest.mark.parametrize("q", [-1, 101, math.nan])
def test_a_percentile_outside_its_range_is_refused(q):
    with pytest.raises(ValueError, match="between 0 and 100"):
        s.percentile([1], q)

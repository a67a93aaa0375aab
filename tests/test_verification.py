"""Answers against the passages they cite: quotations, figures, names, speakers, marks, support."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.answering import messages
from assistant.answering.verification.checks import verify
from assistant.answering.verification.claims import without_fabrications
from assistant.answering.verification.entailment import ReaderEntailment
from assistant.answering.verification.source_passage import quotations_of
from assistant.errors import ModelError
from assistant.models.cross_encoder import CrossEncoder
from assistant.models.pair_models import SentenceEntailment
from assistant.schema import Check, Citation
from assistant.text.names import names_of
from assistant.text.quantities import figures_of, plain, source_figures
from assistant.text.speech import speakers_of

TALKS = (
    "The talks began in Geneva on 20 February 2023. “We will not sign before the summer, whatever "
    "Washington offers,” Foreign Minister Anna Keller said. Her counterpart Pavel Doran told "
    "reporters that the pipeline of 1,200 kilometres would cost $5 million. He said the first gas "
    "would flow in 2025.\n\n"
    "The World Customs Union (WCU) sent 209 observers, 40 percent of them from Armenia."
)
PORT = (
    "The port of Liman was closed for three weeks in the 1990s. Mayor Ivo Santos called the decision "
    "“a gift to smugglers”. One thousand ships a year passed it on 5-7 May."
)


def cited(number=1, context=TALKS, **chosen):
    given = {
        "title": "Keller: no signature before summer",
        "source": "Daily Courier",
        "published": "2023-02-22",
        "quote": context.split(". ")[0] + ".",
    } | chosen
    return Citation(
        number=number,
        article_id=f"{number}.txt",
        url=None,
        start=0,
        end=1,
        context_start=0,
        context=context,
        **given,
    )


SOURCES = (cited(), cited(2, PORT, title="Liman reopens", source="Harbour News", published=None))


def check(text, citations=SOURCES, entails=None):
    [found] = verify(text, citations, entails)
    return found


# ---- quotations -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "Keller said: “We will not sign before the summer.” [1]",
        'Keller said: "We will not sign before the summer, whatever Washington offers." [1]',
        "Keller said: «we will not sign  before\u00a0the summer» [1]",
        "“We will not sign … whatever Washington offers,” Keller said [1].",
        "“We will not sign [the treaty] before the summer,” Keller said [1].",
        "“[They] will not sign before the summer [...] Washington offers,” Keller said [1].",
        "Santos called it “a gift to smugglers” [2].",
        "Keller said that they “will not sign before” summer [1].",
        "The article is called “Keller: no signature before summer” [1].",
    ],
)
def test_a_quotation_that_stands_in_the_source_is_verified(text):
    assert check(text) == Check(0, len(text), "verified", (2 if "[2]" in text else 1,))


@pytest.mark.parametrize(
    "text, quoted",
    [
        ("Keller said: “We will never sign before the summer.” [1]", "We will never sign"),
        ("“Whatever Washington offers … we will not sign,” Keller said [1].", "Whatever"),
        ("“We will not sign before the sum,” Keller said [1].", "We will not sign before the sum"),
        ('Santos spoke of "a present to smugglers" [2].', "a present to smugglers"),
        ("Santos spoke of 'a present to smugglers' [2].", "a present to smugglers"),
        ("He said: “They are all thieves and liars. That is well known.” [1]", "They are all"),
    ],
)
def test_a_quotation_that_nobody_said_is_a_fabrication(text, quoted):
    found = check(text)
    assert found.fabricated
    assert found.verdict == "unsupported"
    assert any(quoted in reason for reason in found.reasons)


def test_a_quotation_of_another_source_says_which():
    found = check("Santos called the decision “a gift to smugglers” [1].")
    assert found.verdict == "unsupported"
    assert not found.fabricated
    assert "the quotation is in [2], not in [1]" in found.reasons


@pytest.mark.parametrize(
    "text", ["It was “a gift”, he said.", "the ministers' summer, the mayor's"]
)
def test_two_words_in_quotation_marks_and_apostrophes_are_no_quotation(text):
    assert quotations_of(text) == []


@pytest.mark.parametrize(
    "one, other",
    [
        ("“It’s over” — he said", "'Its over'- he said"),
        ("the\u200b ﬁrst\u00a0 day", "The first day"),
        ("2015–2017 , they say", "2015-2017, they say"),
        ("I don’t want, to be right (again)!", "I don't want to be right again"),
    ],
)
def test_quotation_marks_dashes_and_spaces_do_not_tell_texts_apart(one, other):
    assert plain(one) == plain(other)


# ---- figures --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said, source",
    [
        ("1,000 men", "a thousand men"),
        ("1 000 men", "one thousand men"),
        ("two hundred and nine", "209 people"),
        ("5 million euros", "€5m"),
        ("5,000,000 dollars", "$5 million"),
        ("half a million", "500,000"),
        ("a dozen ships", "12 ships"),
        ("5 percent", "5 per cent"),
        ("5%", "five percent"),
        ("3.5 billion", "3,500 million"),
        ("the 102nd base", "base 102"),
        ("the twenty-third time", "the 23rd time"),
        ("12 km", "twelve kilometres"),
        ("20 February 2023", "February 20, 2023"),
        ("20 Feb. 2023", "2023-02-20"),
        ("2023-02-20", "20.02.2023"),
        ("2 March 2024", "3/2/2024"),
        ("February 2023", "20 February 2023"),
        ("in February", "20 February 2023"),
        ("in 2023", "on 20 February 2023"),
        ("20 February 2023", "In 2023, on 20 February"),
        ("on 5 May 2022", "5-7 May 2022"),
        ("between 6 and 19 January", "from 6 January to 19 January"),
        ("the 1990s", "in 1994"),
        ("the season 2018–19", "2018 and 2019"),
        ("the nineties", "the 1990s"),
        ("on the 20th", "20 February"),
        ("no one, first of all", "nothing"),
    ],
)
def test_a_figure_in_another_spelling_is_the_same(said, source):
    assert source_figures(source, None).lacking(figures_of(said, from_two=True)) == []


@pytest.mark.parametrize(
    "said, source, lacking",
    [
        ("210 observers", "209 observers", ["210"]),
        ("5 months", "5 years", ["5 months"]),
        ("5 million", "5 billion", ["5 million"]),
        ("$5", "5 euros", ["$5"]),
        ("21 February 2023", "20 February 2023", ["21 February 2023"]),
        ("20 March 2023", "20 February 2023", ["20 March 2023"]),
        ("20 February 2024", "20 February 2023", ["20 February 2024"]),
        ("in 1987", "in the 1990s", ["1987"]),
        ("20 soldiers", "20 February", ["20"]),
        ("three weeks and 7 days", "3 weeks", ["7 days"]),
        ("the second time", "the third time", ["2nd"]),
    ],
)
def test_another_figure_is_lacking(said, source, lacking):
    assert source_figures(source, None).lacking(figures_of(said, from_two=True)) == lacking


@pytest.mark.parametrize("said", ["20 February 2023", "22 February 2023", "21 February"])
def test_weekdays_and_yesterday_of_a_dated_article_are_dates(said):
    source = source_figures("He spoke on Monday; others yesterday.", "2023-02-22T10:00:00")
    assert source.lacking(figures_of(said)) == []


# ---- names ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "Keller will not sign before the summer [1].",
        "Foreign Minister Keller will not sign before the summer [1].",
        "The Armenians sent 40 percent of the observers [1].",
        "Armenian observers were 40 percent [1].",
        "The WCU sent 209 observers [1].",
        "The World Customs Union sent 209 observers [1].",
        "The Daily Courier reports that the talks began in Geneva [1].",
        "On Monday, 20 February, the talks began in Geneva [1].",
        "The talks in GENEVA began in February [1].",
    ],
)
def test_a_name_in_a_form_that_the_source_gives_is_verified(text):
    assert check(text).verdict == "verified"


@pytest.mark.parametrize(
    "text, name",
    [
        ("The talks began in Vienna on 20 February [1].", "Vienna"),
        ("Maria Keller will not sign before the summer [1].", "Maria"),
        ("Pavel Keller will not sign before the summer [1].", "Pavel Keller"),
        ("The talks began in Geneva, says the Morning Post [1].", "Morning"),
        ("The OSCE sent 209 observers [1].", "OSCE"),
        ("Liman sent 209 observers [1].", "Liman"),
    ],
)
def test_a_name_that_the_source_lacks_is_not_supported(text, name):
    found = check(text)
    assert found.verdict == "unsupported"
    assert not found.fabricated
    assert any(name in reason for reason in found.reasons)


@pytest.mark.parametrize(
    "said, context",
    [
        (
            "The French and the Dutch agreed on the border.",
            "France and the Netherlands agreed on the border.",
        ),
        ("The U.S. agreed to the border.", "The United States agreed to the border."),
        (
            "American envoys agreed to the border.",
            "Envoys of the United States agreed to the border.",
        ),
        ("U.K. envoys agreed to the border.", "British envoys agreed to the border."),
        (
            "The Customs Union of Asia (CUA) agreed to the border.",
            "The Customs Union of Asia agreed to the border.",
        ),
        ("The Turkish side agreed to the border.", "Turkey agreed to the border."),
        ("The Kazakhs agreed to the border.", "Kazakhstan agreed to the border."),
        (
            "The CSTO agreed to the border.",
            "The Collective Security Treaty Organization agreed to the border.",
        ),
        ("The Russia-led bloc agreed to the border.", "The Russian bloc agreed to the border."),
    ],
)
def test_peoples_and_short_forms_stand_for_the_same(said, context):
    assert check(f"{said} [1]", [cited(context=context)]).verdict == "verified"


def test_austria_is_not_australia():
    found = check(
        "Australia agreed. [1] ", [cited(context="Then Austria and Australian wool agreed.")]
    )
    assert found.verdict == "verified"
    [found] = verify("Yes, Australia agreed. [1]", [cited(context="Then Austria agreed.")])
    assert found.verdict == "unsupported"


@pytest.mark.parametrize("one, other", [("5.2", "52"), ("1,000", "1000"), ("2-3", "2.3")])
def test_punctuation_in_numbers_counts(one, other):
    assert plain(f"about {one}, he said") != plain(f"about {other}, he said")


def test_who_is_no_organisation():
    found = check("The World Health Organization agreed [1].", [cited(context="All who agreed.")])
    assert found.verdict == "unsupported"


def test_months_and_beginnings_are_no_names():
    assert names_of("In May the monitors left; Monday was quiet.") == []


# ---- speakers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "Keller said that they would not sign before the summer [1].",
        "According to Doran, the pipeline of 1,200 kilometres costs $5 million [1].",
        "“We will not sign before the summer,” said Anna Keller [1].",
        "Doran said the first gas would flow in 2025 [1].",
        "Doran is the counterpart [1]. Doran said the first gas would flow in 2025 [1].",
    ],
)
def test_who_speaks_in_the_source_may_be_said_to_speak(text):
    assert all(found.verdict == "verified" for found in verify(text, SOURCES))


@pytest.mark.parametrize(
    "text, reason",
    [
        ("“We will not sign before the summer,” said Pavel Doran [1].", "Keller says so, not"),
        ("Doran said that they will not sign before the summer [1].", "Keller says so, not Doran"),
        (
            "Keller told reporters that the pipeline would cost $5 million [1].",
            "Pavel Doran says so, not Keller",
        ),
        (
            "According to Keller, the pipeline of 1,200 kilometres costs $5 million [1].",
            "Pavel Doran says so",
        ),
    ],
)
def test_another_speaker_is_not_supported(text, reason):
    found = check(text)
    assert found.verdict == "unsupported"
    assert reason in found.reasons[0]


def test_he_said_means_whoever_spoke_last_in_the_answer():
    text = "Doran said the first gas would flow in 2025 [1]. He said they will not sign [1]."
    right, wrong = verify(text, SOURCES)
    assert right.verdict == "verified"
    assert wrong.verdict == "unsupported"
    assert "not Doran" in wrong.reasons[0]


def test_he_said_after_a_quoted_sentence_means_its_speaker():
    quoted = "Her counterpart Pavel Doran told reporters that the pipeline of 1,200 kilometres would cost $5 million."
    _, wrong = verify(f"{quoted} [1] He said they will not sign [1].", SOURCES)
    assert "not Pavel Doran" in wrong.reasons[0]


@pytest.mark.parametrize(
    "sentence, speakers",
    [
        ("“So be it,” Keller said.", ["Keller"]),
        ("“So be it,” said Foreign Minister Anna Keller.", ["Foreign Minister Anna Keller"]),
        ("Keller, the minister of Liman, repeatedly warned of it.", ["Keller"]),
        ("However, he said so.", []),
        ("According to the World Bank, it fell.", ["World Bank"]),
    ],
)
def test_speakers_are_found_in_reported_speech(sentence, speakers):
    assert speakers_of(sentence) == speakers


# ---- marks ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mark, numbers",
    [("[1]", (1,)), ("[1][2]", (1, 2)), ("[1, 2]", (1, 2)), ("[1-2]", (1, 2)), ("[2] [1]", (2, 1))],
)
@pytest.mark.parametrize(
    "form", ["{said} {mark}.", "{said}. {mark}", "{said}.{mark}", "- {said}. {mark}"]
)
def test_a_check_covers_its_marks(form, mark, numbers):
    text = form.format(said="The talks began in Geneva", mark=mark)
    found = check(f"{text} In short, yes.")
    assert found.cited == numbers
    assert f"{text} "[found.start : found.end].rstrip(".").endswith(mark)
    assert found.verdict == "verified"


@pytest.mark.parametrize("text", ["**The talks began in Vienna.**", "# Price\n\n**They failed.**"])
def test_a_sentence_in_bold_is_no_heading(text):
    assert check(text).verdict != "verified"


def test_a_bold_lead_is_part_of_its_sentence():
    text = "- **The talks**: began in **Geneva** [1]"
    assert check(text) == Check(2, len(text), "verified", (1,))


def test_a_mark_that_points_nowhere_is_a_fabrication():
    found = check("The talks began in Geneva [3].")
    assert found.fabricated
    assert found.reasons == ("there is no source [3]",)


def test_a_mark_of_the_source_itself_is_none_of_the_answer():
    context = "The union has six members.[12] It was founded in 1992."
    text = "The union has six members.[12] [1]"
    assert check(text, [cited(context=context)]).verdict == "verified"


def test_a_sentence_without_a_mark_is_weak():
    found = check("The talks began in Geneva on 20 February.")
    assert (found.verdict, found.reasons) == ("weak", ("no source is named",))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "In short, yes.",
        "Here is what the two ministers say about the pipeline and its price:",
        "The articles do not say when the pipeline will be finished.",
        "None of the sources names a date for the signature.",
        f"{messages.REFUSAL} {messages.NEAREST}",
        f"{messages.REFUSAL} {messages.OTHER_LANGUAGE}",
        "# The talks in Geneva",
        "**Price and date**",
        "…",
    ],
)
def test_what_says_nothing_needs_no_source(text):
    assert verify(text, SOURCES) == ()


def test_a_sentence_that_another_source_says_names_the_right_one():
    found = check("The closed port was a gift to smugglers [1].")
    assert found.verdict == "unsupported"
    assert "this is in [2], not in [1]" in found.reasons


# ---- the extractive answer ------------------------------------------------------------------


EXTRACTIVE = (
    "**20 February 2023**\n\n"
    "**Keller: no signature before summer** (Daily Courier, 2023-02-22)\n\n"
    "The talks began in Geneva on 20 February 2023. [1]\n\n"
    "**Liman reopens** (Harbour News, date unknown)\n\n"
    "The port of Liman was closed for three weeks in the 1990s. [2]"
)


def test_quoted_sentences_are_verified_and_bylines_say_nothing():
    checks = verify(EXTRACTIVE, SOURCES)
    assert [found.verdict for found in checks] == ["verified"] * 3
    assert [EXTRACTIVE[c.start : c.end][:8] for c in checks] == ["**20 Feb", "The talk", "The port"]


@pytest.mark.parametrize(
    "old, new, fabricated",
    [
        ("three weeks", "four weeks", True),
        ("was closed", "was not closed", True),
        ("port of Liman", "port of Odessa", True),
        ("1990s. [2]", "1990s. [1]", False),
        ("1990s. [2]", "1990s. [4]", True),
    ],
)
def test_a_quoted_sentence_that_was_changed_or_moved_is_not_supported(old, new, fabricated):
    *others, last = verify(EXTRACTIVE.replace(old, new), SOURCES)
    assert [found.verdict for found in others] == ["verified"] * 2
    assert (last.verdict, last.fabricated) == ("unsupported", fabricated)


@pytest.mark.parametrize(
    "short, verdict",
    [("20 February 2023", "verified"), ("21 February 2023", "unsupported"), ("Vienna", "weak")],
)
def test_a_short_answer_is_checked_against_the_first_source(short, verdict):
    first, *_ = verify(EXTRACTIVE.replace("20 February 2023", short, 1), SOURCES)
    assert (first.verdict, first.cited) == (verdict, (1,))


def test_a_byline_of_another_outlet_is_a_statement():
    changed = EXTRACTIVE.replace("(Daily Courier,", "(Morning Post,")
    assert verify(changed, SOURCES)[1].verdict != "verified"


# ---- what is removed ------------------------------------------------------------------------


def test_an_answer_without_fabrications_stays_as_it_is():
    checks = verify(EXTRACTIVE, SOURCES)
    assert without_fabrications(EXTRACTIVE, checks) == (EXTRACTIVE, checks, 0)


def test_a_byline_whose_sentence_goes_goes_too():
    changed = EXTRACTIVE.replace("began in Geneva", "ended in Geneva")
    text, kept, removed = without_fabrications(changed, verify(changed, SOURCES))
    assert removed == 1
    assert text == "**20 February 2023**\n\n" + EXTRACTIVE.split("\n\n", 3)[3]
    assert [text[c.start : c.end] for c in kept] == [
        "**20 February 2023**",
        "The port of Liman was closed for three weeks in the 1990s. [2]",
    ]


@pytest.mark.parametrize(
    "text, left",
    [
        ("It is so [9]. The talks began in Geneva. [1]", "The talks began in Geneva. [1]"),
        ("The talks began in Geneva. [1] It is so [9].", "The talks began in Geneva. [1]"),
        (
            "The talks began in Geneva [1]. All is well now [9]. Liman was closed [2].",
            "The talks began in Geneva [1]. Liman was closed [2].",
        ),
        (
            "- The talks began in Geneva [1]\n- All is well now [9]\n- Liman was closed [2]",
            "- The talks began in Geneva [1]\n- Liman was closed [2]",
        ),
        ("All is well now [9].", ""),
    ],
)
def test_a_fabricated_sentence_leaves_no_gap(text, left):
    found, kept, removed = without_fabrications(text, verify(text, SOURCES))
    assert (found, removed) == (left, 1)
    assert all(left[check.start : check.end].rstrip(".")[-1] == "]" for check in kept)
    assert len(kept) == left.count("[")


# ---- support --------------------------------------------------------------------------------


class Believes:
    """A judge that believes what holds a word, and remembers what it was asked."""

    def __init__(self, word):
        self.word = word
        self.asked = []

    def scores(self, pairs):
        self.asked += pairs
        return np.array([float(self.word in sentence) for sentence, _ in pairs])


def test_what_the_judge_does_not_believe_is_weak():
    judge = Believes("Geneva")
    text = "The talks in Geneva began [1]. The observers came from Armenia [1]."
    believed, weak = verify(text, SOURCES, judge)
    assert believed.verdict == "verified"
    assert (weak.verdict, weak.reasons) == ("weak", ("[1] may not say this",))
    assert judge.asked[0] == ("The talks in Geneva began.", f"{SOURCES[0].title}\n{TALKS}")


def test_a_sentence_of_two_sources_is_judged_part_by_part():
    judge = Believes("talks")
    text = "The talks began in Geneva; the talks of the port came later [1][2]."
    assert check(text, entails=judge).verdict == "verified"
    assert {sentence for sentence, _ in judge.asked} == {
        "The talks began in Geneva; the talks of the port came later.",
        "The talks began in Geneva",
        "the talks of the port came later.",
    }


@pytest.mark.parametrize(
    "text",
    [EXTRACTIVE, "The talks began in Vienna [1].", "It is so [9].", "No source here at all."],
)
def test_the_judge_is_not_asked_what_is_known(text):
    judge = Believes("")
    verify(text, SOURCES, judge)
    assert judge.asked == []


def test_the_judge_is_not_asked_about_a_sentence_that_only_quotes():
    judge = Believes("nothing")
    text = "As Foreign Minister Keller said, “we will not sign before the summer” [1]."
    assert check(text, entails=judge).verdict == "verified"
    assert judge.asked == []


def test_without_a_judge_a_sentence_of_other_words_is_weak():
    found = check("Diplomats haggled stubbornly over prices, delaying agreement [1].")
    assert (found.verdict, found.reasons) == ("weak", ("[1] may not say this",))


def test_the_reader_tells_what_a_passage_says_from_what_it_does_not():
    said, unsaid, other = ReaderEntailment(CrossEncoder()).scores(
        [
            ("The negotiations started in Geneva in February 2023.", TALKS),
            ("The fishermen sold their boats to the bank.", TALKS),
            ("The negotiations started in Geneva in February 2023.", PORT),
        ]
    )
    assert said > 0.5 > max(unsaid, other)


@pytest.mark.parametrize("pairs", [[], [("", "")], [("\ud800 ", "x"), ("A.", "")]])
def test_the_reader_judges_any_text(pairs):
    scores = ReaderEntailment(CrossEncoder()).scores(pairs)
    assert scores.shape == (len(pairs),)
    assert ((scores >= 0) & (scores <= 1)).all()


# ---- judges of sentence-transformers --------------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Makes folders of tiny cross-encoders with random weights and the labels that are given."""
    import torch
    from sentence_transformers import CrossEncoder as HubModel
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    vocabulary = {
        w: i for i, w in enumerate("[PAD] [UNK] [CLS] [SEP] the talks began port".split())
    }
    tokenizer = Tokenizer(WordLevel(vocabulary, "[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()

    def make(*labels):
        torch.manual_seed(5)
        folder = tmp_path_factory.mktemp("judge")
        config = BertConfig(
            vocab_size=len(vocabulary),
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            max_position_embeddings=64,
            id2label=dict(enumerate(labels)),
            label2id={label: i for i, label in enumerate(labels)},
            num_labels=len(labels),
            initializer_range=2.0,
        )
        BertForSequenceClassification(config).save_pretrained(folder)
        PreTrainedTokenizerFast(
            tokenizer_object=tokenizer,
            pad_token="[PAD]",
            unk_token="[UNK]",
            cls_token="[CLS]",
            sep_token="[SEP]",
            model_max_length=64,
        ).save_pretrained(folder)
        return folder, partial(
            HubModel(str(folder), local_files_only=True).predict,
            apply_softmax=True,
            show_progress_bar=False,
        )

    return make


PAIRS = [("the talks began", "the port"), ("the port", "the talks began"), ("\ud800", "")]


@pytest.mark.parametrize(
    "labels, column",
    [
        (("contradiction", "entailment", "neutral"), 1),
        (("ENTAILMENT", "NEUTRAL", "CONTRADICTION"), 0),
        (("not_entailment", "entailment"), 1),
    ],
)
def test_the_label_of_entailment_is_found_by_its_name(made, labels, column):
    folder, predict = made(*labels)
    scores = SentenceEntailment(str(folder)).scores(PAIRS)
    expected = predict([(passage, sentence) for sentence, passage in PAIRS[:2]])[:, column]
    assert scores[:2] == pytest.approx(expected, abs=1e-5)
    assert scores.shape == (3,)


@pytest.mark.parametrize(
    "labels", [("LABEL_0", "LABEL_1", "LABEL_2"), ("relevant",), ("entailment",)]
)
def test_a_model_without_such_a_label_is_refused(made, labels):
    folder, _ = made(*labels)
    with pytest.raises(ModelError, match="no label for entailment"):
        SentenceEntailment(str(folder)).scores(PAIRS)


def test_a_judge_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match="judge of entailment cannot be loaded"):
        SentenceEntailment(str(tmp_path)).scores(PAIRS)


def test_a_judge_is_not_loaded_for_nothing(tmp_path):
    assert SentenceEntailment(str(tmp_path)).scores([]).shape == (0,)


# ---- any text -------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        "[1]",
        "[2]",
        "[9]",
        "[1-999]",
        "**",
        "“",
        "”",
        '"',
        "‘",
        "’",
        "«",
        "\n\n",
        "\n- ",
        ". ",
        "…",
        "[...]",
        "20 February 2023",
        "5 million",
        "Keller",
        "said",
        "he said that",
        "Pavel Doran ",
        "We will not sign before the summer",
        "**Liman reopens** (Harbour News)",
        "\u2029",
        "# ",
    ]
)
TEXTS = st.lists(st.one_of(PIECES, st.text(max_size=12)), max_size=30).map("".join)


@settings(max_examples=300, deadline=None)
@given(text=TEXTS, context=TEXTS)
def test_any_text_is_checked_and_every_offset_is_its_own(text, context):
    citations = [*SOURCES, cited(3, context, quote=context[:50], title=context[50:80])]
    checks = verify(text, citations)
    ends = [at for check in checks for at in (check.start, check.end)]
    assert ends == sorted(ends)
    assert all(0 <= check.start < check.end <= len(text) for check in checks)
    for found in checks:
        assert (found.verdict == "verified") == (not found.reasons)
        assert not found.fabricated or found.verdict == "unsupported"
    left, kept, removed = without_fabrications(text, checks)
    assert removed == sum(check.fabricated for check in checks)
    before = [c for c in checks if not c.fabricated]
    assert [left[c.start : c.end] for c in kept] == [text[c.start : c.end] for c in before]
    assert [replace(c, start=0, end=0) for c in kept] == [
        replace(c, start=0, end=0) for c in before
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Keller said that 1,200 kilometres cost $5 million on 20 February 2023 [1]. " * 260,
        "“We will not sign before the summer, said Keller. " * 400,
        "[" * 20_000,
        "[1]" * 6_000,
        "**" * 10_000,
        "\"' " * 6_000,
        " " * 20_000,
        "\n" * 20_000,
        "1 and " * 3_000,
        "9" * 20_000,
        "A" * 20_000,
        "A " * 10_000,
        "Ab said, " * 2_000,
        "a.b." * 5_000,
        "May 5-" * 3_000,
        "(...)" * 4_000,
        "- 1) " * 4_000,
        "X, " * 6_000 + "said",
    ],
    ids=lambda text: repr(text[:12]),
)
def test_long_texts_are_no_harder_than_long(text):
    """Twice the text takes about twice as long; what grows with its square would take minutes."""
    citations = [*SOURCES, cited(3, text, quote=text)]
    assert all(0 <= check.start < check.end <= len(text) for check in verify(text, citations))


# ---- the bundled articles -------------------------------------------------------------------


@pytest.mark.slow
def test_every_answer_of_the_assistant_verifies_itself(bundled):
    asked = (
        "what did Galuzin say about the EU mission",
        "When was EUMA launched?",
        "How many monitors has the EU mission?",
        "who is the prime minister of Armenia",
    )
    answers = [answer for question in asked if (answer := bundled.ask(question)).answered]
    assert answers
    for answer in answers:
        checks = verify(answer.text, answer.citations)
        assert checks == answer.checks
        assert {check.verdict for check in checks} == {"verified"}
        assert len(checks) == len(answer.citations) + bool(answer.short_answer)

"""The report of a run: whole, of retrieval only, of nothing, and of hostile articles."""

import copy
import math
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from eval import plots, report
from eval.glossary import MEASURED, MEASURES

HOSTILE = [
    "<script>alert(1)</script>",
    "</style><b onclick=alert(1)>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "</details></main></script><iframe src=https://example.org>",
    "]]><!--{{ 7 * 7 }}{% raw %}",
]
VOID = "meta link input br hr img".split()
TEXT = "Bees 🐝 fly. Wasps sting. Ants walk."


def interval(mean, low=None, high=None, count=4):
    return {"mean": mean, "low": low, "high": high, "count": count}


def citation(number, quote, text=TEXT, context_start=100, **more):
    start = context_start + text.index(quote)
    return {
        "number": number,
        "article_id": "a.txt",
        "title": "Insects",
        "source": "Gazette",
        "published": "2026-01-02",
        "url": "https://example.org/a",
        "start": start,
        "end": start + len(quote),
        "quote": quote,
        "speaker": None,
        "context": text,
        "context_start": context_start,
        **more,
    }


def question(id_, outcome, answered=True, kind="fact", **more):
    unanswerable = kind.startswith("unanswerable")
    return {
        "id": id_,
        "text": f"Who is {id_}?",
        "kind": kind,
        "outcome": outcome,
        "history": [],
        "standalone": "",
        "reference": "",
        "expected": [] if unanswerable else ["wasps", "Wasps"],
        "article_ids": [] if unanswerable else ["a.txt"],
        "evidence": [] if unanswerable else ["Wasps  sting"],
        "answer": {
            "question": f"Who is {id_}?",
            "searched_for": f"Who is {id_}?",
            "answered": answered,
            "short_answer": "Wasps" if answered else None,
            "text": "Wasps sting. [1]",
            "confidence": 0.75,
            "citations": [citation(1, "Wasps sting.")],
            "timings": {"retrieval": 0.01, "reading": 0.03},
        },
        "retrieved": [{"article_id": "a.txt", "start": 100, "end": 135, "gold": not unanswerable}],
        "measures": {"evidence hit@5": None if unanswerable else 1.0, "token F1": None},
        **more,
    }


@pytest.fixture
def run():
    follow_up = question(
        "bees",
        "right",
        kind="follow-up",
        standalone="Who are the bees of the garden?",
        history=[{"question": "What stings?", "answer": "Wasps do."}],
    )
    follow_up["answer"]["searched_for"] = "Who are the bees?"
    return {
        "format": 1,
        "name": "bundled-1",
        "created": "2026-11-24T22:15:00",
        "dataset": {
            "name": "bundled",
            "questions": 5,
            "articles": 41,
            "corpus_digest": "c0ffee",
            "questions_digest": "beef",
        },
        "settings": {"candidates": 24},
        "retrieval_only": False,
        "summary": {
            "evidence hit@5": interval(0.5, 0.25, 0.75),
            "token F1": interval(None),
            "quote exactness": interval(0.9996, 0.99, 1.0),
            "false-answer rate": interval(0.5, 0.0, 1.0),
            "my own": interval(0.125),
        },
        "by_kind": {
            "fact": {"evidence hit@5": interval(0.5, 0.25, 0.75)},
            "unanswerable-near": {"false-answer rate": interval(0.25, 0.0, 0.5)},
        },
        "refusal_curve": [
            {"threshold": 0.1, "precision": None, "recall": 0.0},
            {"threshold": 0.5, "precision": 1.0, "recall": 0.5},
            {"threshold": None, "precision": 0.4, "recall": 1.0},
        ],
        "latency": {"retrieval": {"p50": 0.012, "p95": 1.25}, "total": {"p50": 0.04, "p95": None}},
        "questions": [
            follow_up,
            question("ants", "wrong sentence"),
            question("moths", "should have answered", answered=False),
            question("gods", "rightly refused", answered=False, kind="unanswerable-near"),
            question("elves", "should have refused", kind="unanswerable-near"),
        ],
    }


class Page(HTMLParser):
    """A page that complains about a tag left open, closed twice or an id given twice."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.ids, self.words = [], [], [], []
        self.feed(html)
        self.close()
        assert not self.open
        assert len(set(self.ids)) == len(self.ids)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"script", "style"} & set(self.open):
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def all(self, tag, css=""):
        return [a for name, a in self.tags if name == tag and css in (a.get("class") or "")]


def shown(run):
    return Page(report.render_report(run))


def emptied(value):
    """The run with every number, text and list in it null or gone."""
    if isinstance(value, dict):
        return {key: emptied(item) for key, item in value.items()}
    return list(filter(None, map(emptied, value))) if isinstance(value, list) else None


def poisoned(value, word):
    """The run with hostile words in every text and every key that data may choose."""
    if isinstance(value, dict):
        return {key: poisoned(item, word) for key, item in value.items()}
    if isinstance(value, list):
        return [poisoned(item, word) for item in value]
    return f"{value}{word}" if isinstance(value, str) else value


# The page


def test_a_whole_run_says_what_was_measured(run, tmp_path):
    path = report.write_report(run, tmp_path / "new" / "report.html")
    page = Page(path.read_text(encoding="utf-8"))
    for words in [
        "bundled-1",
        "2026-11-24, 22:15:00",
        "5 questions · 41 articles",
        "c0ffee",
        "beef",
        "candidates 24",
        "2 of 5 questions went right",
        "evidence hit@5 50 % 25 % to 75 %",
        "quote exactness 99.9 %",
        "0.250 – 0.750 4",
        "Others my own 0.125 –",
        "12 ms 1.25 s",
        "40 ms –",
        "lower is better",
    ]:
        assert words in page.text
    assert "Stand" not in page.text.split("Every question")[0]
    assert len(page.all("svg")) == 5
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in page.all("svg"))


def test_the_questions_say_all_there_is_to_know(run):
    text = shown(run).text.split("Every question")[1]
    for words in [
        "Asked before What stings? Wasps do.",
        "Stands alone as: Who are the bees of the garden?",
        "Searched for: Who are the bees?",
        "Expected wasps or Wasps",
        "✓ cited · ✓ retrieved",
        "In a.txt",
        "confidence 0.75",
        "Insects Gazette · 2026-01-02 · a.txt",
        "https://example.org/a",
        "a.txt 100–135 ✓ evidence",
        "evidence hit@5 1.00",
        "Answer – retrieval 10 ms · reading 30 ms",
        "Nearest passages",
        "✗ not cited",
    ]:
        assert words in text


def test_what_went_wrong_comes_first(run):
    titles = re.findall(r'class="asked">Who is (\w+)', report.render_report(run))
    assert titles == "elves ants moths bees gods".split()


def test_every_count_leads_to_its_questions(run):
    page = shown(run)
    targets = [a["href"] for a in page.all("a")]
    assert {"#o0", "#k0", "#o0-k2", "#c4-1", "#q-bees"} <= set(targets)
    assert {target.removeprefix("#") for target in targets} <= set(page.ids)
    counted = [a["aria-label"] for a in page.all("a") if "of kind" in a.get("aria-label", "")]
    assert "1 of kind unanswerable-near: should have refused" in counted
    assert [a["data-kind"] for a in page.all("details", "question")] == "2 1 1 0 2".split()


def test_a_run_of_retrieval_only(run):
    run |= {"retrieval_only": True, "refusal_curve": [], "latency": {}}
    run["summary"] = {
        name: interval(0.5) for name in ("evidence hit@5", "evidence MRR", "article hit@5")
    } | {"token F1": interval(None, count=0)}
    run["by_kind"] = {"fact": {"evidence hit@5": interval(0.5, 0.25, 0.75)}}
    for asked in run["questions"]:
        asked |= {"answer": None, "outcome": "unknown"}
    page = shown(run)
    assert "Evaluation of retrieval" in page.text
    assert "Only retrieval was run." in page.text
    assert "went right" not in page.text
    assert len(page.all("svg")) == 3
    assert [key["class"] for key in page.all("span", "key")] == ["key retrieval"]
    assert "Answer –" in page.text


@pytest.mark.parametrize("nothing", [{}, {"questions": [], "summary": {}, "refusal_curve": []}])
def test_a_run_of_nothing(nothing):
    page = shown(nothing)
    assert "nothing to report" in page.text
    assert not page.all("svg") + page.all("script") + page.all("form")


def test_a_run_that_lacks_what_it_should_hold(run):
    assert "unknown" in shown({"questions": [{}]}).text
    assert shown(emptied(run)).all("details", "question")
    for key in run:
        shown({name: value for name, value in run.items() if name != key})
    for key in run["questions"][0]:
        part = copy.deepcopy(run)
        for asked in part["questions"]:
            del asked[key]
        part["questions"][:] = part["questions"][:1]
        shown(part)


def test_nan_is_as_null(run):
    run["summary"]["token F1"] = interval(math.nan, math.nan, math.nan)
    run["questions"][0]["measures"]["token F1"] = math.nan
    assert "nan" not in shown(run).text.split()


def test_every_measure_of_a_run_has_a_group_and_a_meaning():
    meanings = {name: text for group in MEASURES.values() for name, text in group.items()}
    assert set(meanings) == set(MEASURED)
    assert all(meanings.values())


# Hostile words


@pytest.mark.parametrize("word", HOSTILE)
def test_hostile_words_are_shown_as_they_are(run, word):
    for name in ("summary", "by_kind", "settings", "latency"):
        run[name] = {**run[name], word: next(iter(run[name].values()))}
    whole = poisoned(run, word)
    html = report.render_report(whole)
    page, tame = Page(html), shown(run)
    assert word not in html
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in tame.tags}
    assert len(page.all("script")) == 1
    assert not [name for _, a in page.tags for name in a if name.startswith("on")]
    assert " ".join(word.split()) in page.text


def test_nothing_is_fetched(run):
    page = shown(poisoned(run, "https://example.org/"))
    for tag, attributes in page.tags:
        assert "src" not in attributes
        if "href" in attributes:
            assert attributes["href"].startswith(("#", "data:")), tag
    css = (report.HERE / "report.css").read_text()
    assert "url(" not in css
    assert "@import" not in css


def test_only_the_one_script_may_run(run):
    html = report.render_report(run)
    script = re.search(r"<script>(.*?)</script>", html, re.DOTALL).group(1)
    assert f"script-src 'sha256-{report._digest(script)}'; base-uri 'none'" in html


def test_a_lone_surrogate_is_no_reason_to_fail(run, tmp_path):
    run["questions"][0]["text"] = "half \ud83d a bee"
    assert "half ? a bee" in report.write_report(run, tmp_path / "r.html").read_text("utf-8")


# Passages


def marks(*citations):
    (found,) = report.passages({"citations": citations})
    return [(piece.text, piece.number) for piece in found.pieces if piece.text]


def test_offsets_count_code_points(run):
    assert marks(citation(1, "Wasps sting.")) == [
        ("Bees 🐝 fly. ", None),
        ("Wasps sting.", 1),
        (" Ants walk.", None),
    ]
    assert '<mark id="c4-1">Wasps sting.</mark><sup class="cite">1</sup>' in report.render_report(
        run
    )


def test_citations_of_one_passage_share_it():
    assert marks(citation(1, "Ants walk."), citation(2, "Bees 🐝 fly.")) == [
        ("Bees 🐝 fly.", 2),
        (" Wasps sting. ", None),
        ("Ants walk.", 1),
    ]
    apart = [citation(1, "Ants"), citation(2, "Bees", article_id="b.txt"), citation(3, "Wasps")]
    found = report.passages({"citations": apart})
    assert [[c["number"] for c in each.citations] for each in found] == [[1, 3], [2]]


def test_overlapping_citations_repeat_no_word():
    two = [citation(1, "Bees 🐝 fly. Wasps"), citation(2, "Wasps sting.")]
    assert "".join(text for text, _ in marks(*two)) == TEXT


@pytest.mark.parametrize(
    "start, end", [(101, 105), (0, 4), (999, 1003), (-5, -1), (110, 104), (None, None)]
)
def test_a_quote_that_does_not_stand_at_its_offsets_is_called_out(run, start, end):
    run["questions"][0]["answer"]["citations"] = [citation(1, "Bees", start=start, end=end)]
    page = shown(run)
    assert "the quote is not what stands here" in page.text
    assert len(page.all("mark", "off")) == 1


def test_long_passages_are_cut_around_what_is_cited():
    text = "before " * 100 + "HERE" + " between" * 200 + "THERE" + " after" * 100
    pieces = marks(citation(1, "HERE", text), citation(2, "THERE", text))
    head, here, middle, there, tail = (piece for piece, _ in pieces)
    assert (here, there) == ("HERE", "THERE")
    assert head.startswith(" … before")
    assert tail.endswith("after … ")
    assert middle.count(" … ") == 1
    assert max(len(head), len(tail), len(middle) / 2) < report.AROUND + 5


def test_what_became_of_the_evidence():
    asked = question("x", "right", evidence=["Wasps sting", "Ants walk", "elsewhere"])
    # the passage holds the first two, only the first is quoted, of the third nothing is known
    assert [(g.cited, g.retrieved) for g in report.gold(asked)] == [
        (True, True),
        (False, True),
        (False, None),
    ]
    asked["answer"]["answered"] = False  # the nearest passages are not citations
    assert [g.cited for g in report.gold(asked)] == [False] * 3
    asked["retrieved"] = []
    assert [g.retrieved for g in report.gold(asked)] == [False] * 3
    asked["answer"] = None
    assert [g.cited for g in report.gold(asked)] == [None] * 3


# Numbers


@pytest.mark.parametrize(
    "value, whole",
    [
        (0.806, "81 %"),
        (1, "100 %"),
        (0.9996, "99.9 %"),
        (0.995, "99.5 %"),
        (0, "0 %"),
        (0.004, "0.4 %"),
        (None, "–"),
        (math.nan, "–"),
    ],
)
def test_percents_do_not_claim_all_or_nothing(value, whole):
    assert report.percent(value) == whole


def test_the_operating_point(run):
    # two are refused, one of them rightly, of two that are unanswerable
    assert report.operating_point(run["questions"]) == (0.5, 0.5)
    assert report.operating_point(run["questions"][:2]) is None
    assert report.operating_point([{"kind": "fact"}]) is None


@pytest.mark.parametrize(
    "value, said",
    [
        (0, "0 ms"),
        (0.00024, "0.2 ms"),
        (0.0099, "9.9 ms"),
        (0.00999, "10 ms"),
        (0.4, "400 ms"),
        (1.254, "1.25 s"),
        (None, "–"),
    ],
)
def test_durations_have_the_unit_that_suits_them(value, said):
    assert report.seconds(value) == said


# Plots


def drawing(svg, tag, css=""):
    return [node for node in ElementTree.fromstring(svg).iter(tag) if css in node.get("class", "")]


def numbers(node, *names):
    return tuple(float(node.get(name)) for name in names)


def test_bars_are_as_long_as_their_values():
    rows = [
        plots.Row("Heading"),
        plots.Row("a", (plots.Bar("a", 0.5, 0.25, 0.75), plots.Bar("b", 1.5))),
        plots.Row("c", (plots.Bar("c", 0.0),)),
    ]
    svg = plots.bars("Scores", rows)
    drawn = [numbers(bar, "x", "y", "width") for bar in drawing(svg, "rect", "bar")]
    # heading 30, then a and b of 14 each and a gap of 7; each bar starts 1 below its place
    assert drawn == [(156, 31, 115), (156, 45, 230), (156, 66, 0)]
    ends = [numbers(line, "x1", "x2") for line in drawing(svg, "line", "whisker")]
    assert ends == [(213.5, 328.5), (213.5, 213.5), (328.5, 328.5)]
    assert "a: 0.500 (0.250 to 0.750)" in svg


def test_a_curve_goes_through_its_points():
    svg = plots.curve(
        "Curve", [(0, 1), (0.5, 0.5), (1, 0)], x_name="x", y_name="y", here=(0.25, 1), base=0.5
    )
    # the frame starts at 36, 34 and is 388 by 206
    (line,) = drawing(svg, "polyline")
    assert line.get("points") == "36.0,34.0 230.0,137.0 424.0,240.0"
    assert numbers(*drawing(svg, "circle"), "cx", "cy") == (133, 34)
    assert numbers(*drawing(svg, "line", "base"), "y1", "y2") == (137, 137)
    assert "now: recall 0.25, precision 1.00" in svg


@pytest.mark.parametrize(
    "values, marks, end",
    [
        ([0.9, 2.3], [], 2.4),
        ([0.01, 0.019], [("p95", 0.019)], 0.02),
        ([1, 2, 90], [("p95", 2)], 3.2),
        ([1], [], 1),
        ([0.0], [("p50", 0.0)], 1),
        ([], [], 1),
    ],
)
def test_an_axis_ends_at_a_round_number(values, marks, end):
    assert plots.axis_end(values, marks) == pytest.approx(end)


def test_a_histogram_counts_what_is_beyond_its_axis_in_its_last_bar():
    values = [0.01, 0.02, 0.06, 1.19, 50]
    assert plots.axis_end(values, [("p95", 0.8)]) == pytest.approx(1.2)
    counts = plots.bin_counts(values, 1.2)  # 24 bins of 0.05
    assert (counts[0], counts[1], counts[-1], sum(counts)) == (2, 1, 2, 5)
    svg = plots.histogram("Time", values, [("p50", 0.06), ("p95", 0.8)])
    heights = [float(bar.get("height")) for bar in drawing(svg, "rect", "bar")]
    assert (heights[0], heights[1], heights[2]) == (206, 103, 0)
    assert float(drawing(svg, "line", "mark")[0].get("x1")) == pytest.approx(36 + 388 * 0.05)
    assert "the last bar: 1 slower, up to 50.00 s" in svg


def test_parts_fill_the_bar():
    svg = plots.stacked("Parts", [plots.Part("a", 3, "o-right"), plots.Part("b", 1)])
    drawn = [numbers(part, "x", "width") for part in drawing(svg, "rect", "part")]
    assert drawn == [(0, 330), (330, 110)]
    assert "a: 3 (75%)" in svg


@pytest.mark.parametrize("word", HOSTILE)
def test_plots_escape_what_they_show(word):
    bar = plots.Bar(word, 0.5, style=word)
    svg = plots.bars(word, [plots.Row(word), plots.Row(word, (bar,))])
    assert word not in svg
    assert drawing(svg, "text", "label")[0].text == word


def test_three_hundred_questions_weigh_less_than_two_megabytes(run):
    text = "A sentence of a passage of usual length, 'quoted' in part. " * 16
    cited = [citation(n, text[60 * n : 60 * n + 50], text, n) for n in range(1, 4)]
    asked = question("x", "right", measures=dict.fromkeys(MEASURED, 0.5))
    asked["answer"]["citations"] = cited
    asked["retrieved"] *= 10
    run["questions"] = [{**asked, "id": f"q{number}"} for number in range(300)]
    assert len(report.render_report(run).encode()) < 2_000_000

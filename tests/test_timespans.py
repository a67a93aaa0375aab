"""Times in questions, as spans of days relative to the day of asking."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.retrieval.time_expressions import timespan_of

TODAY = date(2024, 6, 12)  # a Wednesday


@pytest.mark.parametrize(
    "question, since, until",
    [
        ("What did he say last week?", "2024-06-03", "2024-06-09"),
        ("What happened this week?", "2024-06-10", "2024-06-16"),
        ("Who resigned last month?", "2024-05-01", "2024-05-31"),
        ("What was decided this year?", "2024-01-01", "2024-12-31"),
        ("in the last three days, who spoke?", "2024-06-09", "2024-06-12"),
        ("who spoke in the past 2 weeks", "2024-05-29", "2024-06-12"),
        ("Who spoke yesterday?", "2024-06-11", "2024-06-11"),
        ("What did Pashinyan say in May 2024?", "2024-05-01", "2024-05-31"),
        ("What did Pashinyan say in May?", "2024-05-01", "2024-05-31"),
        ("What did Pashinyan say in December?", "2023-12-01", "2023-12-31"),
        ("and in Feb. 2023?", "2023-02-01", "2023-02-28"),
        ("What was signed on 10 October 2009?", "2009-10-10", "2009-10-10"),
        ("What was signed on 10 oct. 2009?", "2009-10-10", "2009-10-10"),
        ("What was signed on October 10, 2009?", "2009-10-10", "2009-10-10"),
        ("What was signed on 2009-10-10?", "2009-10-10", "2009-10-10"),
        ("What happened in 2022?", "2022-01-01", "2022-12-31"),
        ("What has changed since March?", "2024-03-01", None),
        ("What was said after 1 March 2024?", "2024-03-02", None),
        ("What was said before May 2024?", None, "2024-04-30"),
        ("What was said until May 2024?", None, "2024-05-31"),
        ("How many had died by 5 May 2024?", None, "2024-05-05"),
        ("What did he say before the summit in March?", None, "2024-03-31"),
        ("What did he say after his visit to Yerevan in May 2023?", "2023-05-01", None),
        ("between March 2023 and May 2023, who left?", "2023-03-01", "2023-05-31"),
        ("from 2020 to 2022, who led it?", "2020-01-01", "2022-12-31"),
    ],
)
def test_a_time_is_a_span_of_days(question, since, until):
    found = timespan_of(question, TODAY)
    shown = found.since and found.since.isoformat(), found.until and found.until.isoformat()
    assert shown == (since, until)
    assert found.words in question


@pytest.mark.parametrize(
    "question",
    [
        "What did Galuzin say about the EU mission?",
        "May Armenia leave the CSTO?",
        "Who marched in the parade?",
        "What is the last word of the treaty?",
        "Who spoke recently?",
        "What was signed on 31 February 2024?",
        "What was signed on 32 May 2024?",
        "between May and nowhere",
        "Who wrote the book by May?",
        "How many soldiers in 102nd base?",
        "",
    ],
)
def test_without_a_time_there_is_no_span(question):
    assert timespan_of(question, TODAY) is None


@given(st.text(), st.dates())
def test_any_text_on_any_day_has_a_span_or_none(question, today):
    found = timespan_of(question, today)
    assert found is None or found.since or found.until

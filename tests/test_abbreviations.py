import pytest

from assistant.text.abbreviations import UNIVERSAL, expand, mine_abbreviations


@pytest.mark.parametrize(
    "text, expected",
    [
        ("the Eurasian Economic Union (EAEU) met", {"EAEU": "Eurasian Economic Union"}),
        ("The EAEU (Eurasian Economic Union) met", {"EAEU": "Eurasian Economic Union"}),
        (
            "Organization for Security and Co-operation in Europe (OSCE)",
            {"OSCE": "Organization for Security and Co-operation in Europe"},
        ),
        ("a bloc led by Russia (CSTO)", {}),
        ("he left (Tuesday) for good", {}),
        ("in the year (2024)", {}),
        ("(EU)", {}),
    ],
)
def test_long_forms_are_found_beside_their_short_ones(text, expected):
    assert mine_abbreviations(text) == expected


@pytest.mark.parametrize(
    "question, expected",
    [
        ("What about the EU mission?", "What about the EU (European Union) mission?"),
        ("what about the eu mission?", "what about the eu (European Union) mission?"),
        ("who told us", "who told us"),
        ("What did the US say?", "What did the US (United States) say?"),
        ("What did the U.S. say?", "What did the U.S. (United States) say?"),
        ("What did the European Union say?", "What did the European Union say? (EU)"),
        ("Is the European Union (EU) there?", "Is the European Union (EU) there?"),
        ("EU, EU and EU", "EU (European Union), EU and EU"),
    ],
)
def test_questions_carry_both_forms(question, expected):
    assert expand(question, UNIVERSAL).text == expected

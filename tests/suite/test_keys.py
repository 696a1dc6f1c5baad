"""When two names are the same, when they may be, and when they are not."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.suite.keys import Names, bare, clean, spelled, without_ending


@pytest.mark.parametrize(
    "written", [" Jürgen", "Jürgen\t", "\ufeffJürgen", "Jürgen\u00a0", "\u200b Jürgen \ufeff"]
)
def test_blanks_marks_and_unicode_forms_part_no_names(written):
    assert clean(written) == clean(unicodedata.normalize("NFD", written)) == "Jürgen"


@given(st.text())
def test_a_clean_name_is_clean(text):
    assert clean(clean(text)) == clean(text)
    assert clean(text).strip() == clean(text)


def test_what_stands_inside_of_a_name_counts():
    assert len({clean(name) for name in ("a b", "a  b", "ab", "A b")}) == 4


def test_an_ending_is_one_of_images_in_any_case():
    assert [without_ending(name) for name in ("a.png", "a.PNG", "a.b.Jpeg", "1.2.840", "a.txt", ".png")] == [
        "a", "a", "a.b", "1.2.840", "a.txt", "",
    ]  # fmt: skip


@pytest.mark.parametrize("written", ["x1", "X1", " x1.png", "x1.JPG"])
def test_a_name_is_found_in_another_case_and_with_another_ending(written):
    assert Names(["x1", "x2"]).find(written) == "x1"


def test_of_names_that_differ_in_case_or_ending_none_is_taken_for_the_other():
    names = Names(["x1.png", "x1.jpg", "X2", "x2"])
    assert names.find("x1.png") == "x1.png"
    assert names.find("x2") == "x2"
    assert names.find("x1") is None
    assert "x1.png" in names.hint("x1")
    assert "x1.jpg" in names.hint("x1")


@pytest.mark.parametrize(
    ("written", "meant"), [("808_002.png", "00000808_002.png"), ("p-1", "P_01"), ("12.0", "12"), ("7", "007")]
)
def test_what_may_be_the_same_is_hinted_at_and_not_found(written, meant):
    names = Names([meant, "another"])
    assert names.find(written) is None
    assert repr(meant) in names.hint(written)


def test_lost_zeros_are_called_so_and_another_number_is_no_hint():
    assert "zeros" in Names(["00000808_002.png"]).hint("808_002.png")
    assert Names(["00000808_002.png"]).hint("00000809_002.png") == ""


def test_findings_are_found_by_any_spelling_and_alias():
    findings = Names(
        ["Pleural_Thickening", "Infiltration"], spelled, {"Infiltrate": "Infiltration", "No": "Other"}
    )
    assert findings.find("pleural thickening ") == "Pleural_Thickening"
    assert findings.find("INFILTRATE") == "Infiltration"
    assert findings.find("No") is None
    assert "Infiltration" in findings.hint("Infiltraton")


def test_zeros_within_a_number_count():
    assert len({bare(name) for name in ("1", "10", "100", "101", "1.05", "0")}) == 6
    assert bare("0010_0") == bare("10_00") == bare("10-0")

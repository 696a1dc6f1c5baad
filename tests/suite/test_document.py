"""Parsing of YAML to plain data with positions."""

import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import SuiteError
from bench.suite.document import parse

# JSON is YAML as long as its text has no line breaks, control or invisible characters of its own.
_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Zl", "Zp")), max_size=10)
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXT
)
_PLAIN = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4)
)
_WORDS = st.text("abcdefgh_", min_size=1, max_size=8)
_LEAVES = st.integers(0, 9)
_BRANCHES = st.dictionaries(
    _WORDS, _LEAVES | st.dictionaries(_WORDS, _LEAVES, min_size=1, max_size=3), max_size=3
)
_TREES = st.dictionaries(_WORDS, _LEAVES | _BRANCHES.filter(bool), min_size=1, max_size=4)
_FRAGMENTS = st.sampled_from(
    [
        *[
            "a: ",
            "b: ",
            "- ",
            "[",
            "]",
            "{",
            "}",
            ", ",
            "&a ",
            "*a",
            "!!int ",
            "!!bool ",
            "!!float ",
            "!!null ",
        ],
        *["!!str ", "!t ", "? ", "x", "1", "09", ".", "-", "\n", "  ", "'", '"', "---\n", "|", "<<: "],
        *["\\ud800", "%", "@", "#", "\t", "\x07", "\u2028"],
    ]
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("3E5", 3e5),
        ("1.", 1.0),
        (".5", 0.5),
        ("-.5e+1", -5.0),
        ("0", 0),
        ("-7", -7),
        ("+7", 7),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        (".inf", float("inf")),
        ("-.INF", -float("inf")),
        ("'1'", "1"),
        ('"true"', "true"),
    ],
)
def test_scalars_mean_what_yaml_1_2_says(text: str, value: object) -> None:
    parsed = parse(text, "x.yaml").data
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    "word", ["no", "yes", "on", "off", "y", "NO", "1_000", "12:30:45", "2020-01-01", "1e", "e4", ".", "tRUE"]
)
def test_words_that_older_yaml_reads_as_something_else_stay_text(word: str) -> None:
    assert parse(word, "x.yaml").data == word


@pytest.mark.parametrize(("text", "value"), [("010", 10), ("09", 9), ("-012", -12), ("00", 0)])
def test_leading_zeros_do_not_make_a_number_octal(text: str, value: int) -> None:
    assert parse(text, "x.yaml").data == value


def test_not_a_number_is_a_float() -> None:
    parsed = parse(".nan", "x.yaml").data
    assert isinstance(parsed, float)
    assert parsed != parsed


@settings(max_examples=60)
@given(_PLAIN)
def test_json_text_parses_to_what_json_says(data: object) -> None:
    text = json.dumps(data, ensure_ascii=False)
    parsed = parse(text, "x.yaml").data
    assert parsed == json.loads(text)
    assert json.dumps(parsed) == json.dumps(json.loads(text))  # tells 1 from 1.0 and from true


@settings(max_examples=60)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_printed_float_reads_back_as_that_float(value: float) -> None:
    parsed = parse(repr(value), "x.yaml").data
    assert isinstance(parsed, float)
    assert parsed == value


@settings(max_examples=60)
@given(_TREES)
def test_each_position_is_where_its_key_stands(tree: dict) -> None:
    text = yaml.safe_dump(tree, default_flow_style=False)
    lines = text.splitlines()
    document = parse(text, "x.yaml")
    paths = [path for path in document.positions if path]
    assert paths
    for path in paths:
        line, column = document.positions[path]
        assert lines[line - 1][column - 1 :].startswith(f"{path[-1]}:")


@settings(max_examples=200)
@given(st.lists(_FRAGMENTS, max_size=14).map("".join))
def test_whatever_the_text_the_only_error_is_a_suite_error(text: str) -> None:
    try:
        data, sentence = parse(text, "x.yaml").data, "x.yaml"
    except SuiteError as error:
        data, sentence = None, str(error)
    assert "x.yaml" in sentence
    assert "\n" not in sentence
    json.dumps(data)


@pytest.mark.parametrize("text", ["!!int one", "!!float one", "!!bool one", "[!!int '']", "1" * 5000])
def test_scalars_that_are_not_what_they_claim_are_refused(text: str) -> None:
    with pytest.raises(SuiteError, match=r"x\.yaml:1:"):
        parse(text, "x.yaml")


def test_nesting_beyond_reason_is_refused() -> None:
    with pytest.raises(SuiteError, match=r"x\.yaml"):
        parse("[" * 1000 + "]" * 1000, "x.yaml")


def test_list_items_have_positions() -> None:
    document = parse("seeds:\n  - 3\n  - 5\nflow: [1, 22, 3]\n", "x.yaml")
    assert document.place(("seeds", 1)) == "x.yaml:3:5"
    assert document.place(("flow", 2)) == "x.yaml:4:15"


def test_a_path_that_is_not_in_the_file_has_its_ancestors_position() -> None:
    document = parse("recipe:\n  batch_size: 8\n", "x.yaml")
    assert document.place(("recipe", "absent", 0)) == "x.yaml:1:1"
    assert document.place(("absent",)) == "x.yaml:1:1"
    assert parse("", "x.yaml").place(("absent",)) == "x.yaml"


def test_duplicate_keys_are_refused_with_both_lines() -> None:
    with pytest.raises(SuiteError) as caught:
        parse("a: 1\nb:\n  c: 2\n  d: 3\n  c: 4\n", "x.yaml")
    assert (caught.value.place, caught.value.value) == ("x.yaml:5:3", "c")
    assert "line 3" in str(caught.value)


def test_the_same_key_in_two_mappings_is_no_duplicate() -> None:
    assert parse("a: {c: 1}\nb: {c: 2}\n", "x.yaml").data == {"a": {"c": 1}, "b": {"c": 2}}


@pytest.mark.parametrize(
    ("text", "place"), [("a: &x [1, *x]", "1:4"), ("&x {a: *x}", "1:1"), ("a:\n  b: &y\n    c: *y", "2:6")]
)
def test_anchors_that_refer_to_themselves_are_refused(text: str, place: str) -> None:
    with pytest.raises(SuiteError) as caught:
        parse(text, "x.yaml")
    assert caught.value.place == f"x.yaml:{place}"


def test_an_anchor_may_be_used_several_times() -> None:
    document = parse("a: &x {k: [1]}\nb: *x\nc: *x\n", "x.yaml")
    assert document.data == {name: {"k": [1]} for name in "abc"}


def test_a_second_document_is_refused_where_it_starts() -> None:
    with pytest.raises(SuiteError) as caught:
        parse("a: 1\n---\nb: 2\n", "x.yaml")
    assert caught.value.place == "x.yaml:2:1"


def test_one_document_may_have_markers() -> None:
    assert parse("%YAML 1.2\n---\na: 1\n...\n", "x.yaml").data == {"a": 1}


def test_keys_are_text_whatever_they_look_like() -> None:
    assert parse("1: a\nno: b\nnull: c\n", "x.yaml").data == {"1": "a", "no": "b", "null": "c"}


@pytest.mark.parametrize("text", ["[1]: 2", "{a: 1}: 2", "? [1]\n: 2", '"\\ud800": 1'])
def test_lists_mappings_and_halves_of_characters_are_refused_as_keys(text: str) -> None:
    with pytest.raises(SuiteError) as caught:
        parse(text, "x.yaml")
    assert caught.value.place == f"x.yaml:1:{3 if text.startswith('?') else 1}"


@pytest.mark.parametrize("text", ["!!timestamp 2020-01-01", "!!binary aGk=", "!!python/name:os.system x"])
def test_tags_beyond_plain_data_are_refused(text: str) -> None:
    with pytest.raises(SuiteError, match=r"^x\.yaml:1:1: "):
        parse(text, "x.yaml")

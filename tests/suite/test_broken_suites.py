"""Broken suite files: every mistake is one sentence with its facts.

`broken/*.yaml` has one mistake a file; `broken/expected.csv` has its facts: line and column, the value that
came, as JSON, and the allowed words between bars (* for any). The sentences are in `golden/messages.txt`.
"""

import csv
import json
from pathlib import Path

import jsonschema
import pytest

from bench.errors import SuiteError
from bench.suite.document import parse
from bench.suite.load import load_suite
from bench.suite.schema import suite_schema

BROKEN = Path(__file__).parent / "broken"
with (BROKEN / "expected.csv").open(newline="", encoding="utf-8") as _stream:
    EXPECTED = {row["file"]: row for row in csv.DictReader(_stream)}

# What no schema of the data can see: files, repetitions, and points of the expanded grid.
BEYOND_A_SCHEMA = (
    "seed-twice",
    "resolution-twice",
    "resolution-no-multiple-of-32",
    "cam-twice",
    "split-file-missing",
    "weights-misspelt",
    "weights-file-missing",
    "exclude-empty-entry",
    "init-unknown-suite",
    "init-with-weights",
    "exclude-matches-nothing",
    "exclude-leaves-nothing",
    "same-trial-twice",
    "two-models-one-label",
    "lone-surrogate",
    "learning-rate-nan",
    "nested-too-deeply",
    "folder-labels-file-missing",
    "without-boxes",
    "beside-column",
    "row-misspelt",
    "column-misspelt",
    "claim-unknown-suite",
    "claim-same-trials",
    "claim-resolution-absent",
    "claim-auroc-of-a-map",
    "claim-froc-of-another-map",
)


def test_every_broken_file_has_an_expectation_and_the_other_way_round() -> None:
    assert sorted(EXPECTED) == sorted(path.name for path in BROKEN.glob("*.yaml"))
    assert len(EXPECTED) >= 25


@pytest.mark.parametrize("name", EXPECTED)
def test_broken_suite_is_refused_in_one_line_with_its_facts(name: str) -> None:
    path, expected = BROKEN / name, EXPECTED[name]
    with pytest.raises(SuiteError) as caught:
        load_suite(path)
    error = caught.value
    assert "\n" not in str(error)
    assert error.place == f"{path}:{expected['place']}".rstrip(":")
    assert ("" if error.value is None else json.dumps(error.value)) == expected["value"]
    assert expected["allowed"] in ("*", "|".join(error.allowed))


def _shape_mistakes() -> list[str]:
    found = []
    for name in EXPECTED:
        if any(word in name for word in BEYOND_A_SCHEMA):
            continue
        try:
            parse((BROKEN / name).read_text(encoding="utf-8"), name)
        except (SuiteError, ValueError):
            continue  # no data to validate
        found.append(name)
    return found


SHAPE_MISTAKES = _shape_mistakes()


@pytest.mark.parametrize("name", SHAPE_MISTAKES)
def test_json_schema_refuses_mistakes_of_shape(name: str) -> None:
    data = parse((BROKEN / name).read_text(encoding="utf-8"), name).data
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, suite_schema())


def test_most_broken_suites_are_seen_by_the_schema() -> None:
    assert len(SHAPE_MISTAKES) >= 25


def test_several_mistakes_are_reported_together_each_on_a_line(tmp_path: Path) -> None:
    path = tmp_path / "two.yaml"
    path.write_text("models: [pylon]\ndatasets: [phantom]\nresolutions: [32]\nseeds: [x]\nmodel: 3\n")
    with pytest.raises(SuiteError) as caught:
        load_suite(path)
    facts = [(mistake.place, mistake.value) for mistake in caught.value.mistakes]
    assert sorted(facts) == [(f"{path}:3:15", 32), (f"{path}:4:9", "x"), (f"{path}:5:1", "model")]
    assert str(caught.value).splitlines() == [str(mistake) for mistake in caught.value.mistakes]


def test_a_missing_file_is_named_with_the_nearest_one(tmp_path: Path) -> None:
    (tmp_path / "demo.yaml").write_text("")
    with pytest.raises(SuiteError) as caught:
        load_suite(tmp_path / "dmeo.yaml")
    assert caught.value.place == str(tmp_path / "dmeo.yaml")
    assert f"did you mean {str(tmp_path / 'demo.yaml')!r}?" in str(caught.value)


def test_a_folder_is_no_suite(tmp_path: Path) -> None:
    with pytest.raises(SuiteError) as caught:
        load_suite(tmp_path)
    assert caught.value.place == str(tmp_path)


def test_a_file_name_that_is_no_suite_name_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "my suite.yaml"
    path.write_text("models: [pylon]\ndatasets: [phantom]\nresolutions: [64]\nseeds: [0]\n")
    with pytest.raises(SuiteError) as caught:
        load_suite(path)
    assert caught.value.value == "my suite"


@pytest.mark.parametrize(
    ("encoding", "named"),
    [
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
        ("latin-1", "suite.yaml:2"),
        ("cp1252", "suite.yaml:2"),
    ],
)
def test_a_suite_that_is_not_utf_8_is_told_what_it_seems_to_be(
    tmp_path: Path, encoding: str, named: str
) -> None:
    path = tmp_path / "suite.yaml"
    path.write_bytes("models: [pylon]\ntitle: Lungenrundherd, größer\n".encode(encoding))
    (tmp_path / "suite2.yaml").write_text("models: [pylon]\n")
    with pytest.raises(SuiteError) as caught:
        load_suite(path)
    text = str(caught.value)
    assert named in text
    assert "UTF-8" in text
    assert "did you mean" not in text
    assert "\n" not in text

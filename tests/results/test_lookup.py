"""Trials are found by what people type."""

import pytest

from bench.errors import ResultsError
from bench.results.store import ResultsStore, find_trial

IDS = ("baseline-nih-256px-s0-0000000001", "pylon-nih-256px-s0-0000000002", "pylon-nih-256px-s1-0000000003")


@pytest.fixture
def store(tmp_path):
    store = ResultsStore(tmp_path)
    for name in IDS:
        store.folder(name).path.mkdir(parents=True)
        store.folder(name).trial.write_text("{}")
    return store


@pytest.mark.parametrize(("word", "position"), [(IDS[1], 1), ("pylon-nih-256px-s1", 2), ("b", 0)])
def test_an_id_or_its_beginning_finds_the_trial(store, word, position):
    assert find_trial(store, word).path == store.folder(IDS[position]).path


def test_an_id_that_another_begins_with_is_still_found(store):
    store.folder(IDS[1] + "x").path.mkdir()
    assert find_trial(store, IDS[1]).path.name == IDS[1]


def test_a_folder_anywhere_finds_the_trial(store, tmp_path):
    elsewhere = tmp_path / "copied"
    store.folder(IDS[0]).path.rename(elsewhere)
    assert find_trial(store, str(elsewhere)).path == elsewhere


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        (
            "pylon",
            r"2 trials begin with 'pylon': pylon-nih-256px-s0-0000000002, pylon-nih-256px-s1-0000000003",
        ),
        (
            "pilon-nih-256px-s1-0000000003",
            r"no trial 'pilon.*' here.*did you mean 'pylon-nih-256px-s1-0000000003'\?",
        ),
        ("x", r"no trial 'x' here; there are: baseline-nih-256px-s0-0000000001, "),
    ],
)
def test_what_is_not_one_trial_is_a_sentence(store, word, sentence):
    with pytest.raises(ResultsError, match=sentence):
        find_trial(store, word)


def test_a_folder_without_a_trial_is_a_sentence(store, tmp_path):
    with pytest.raises(ResultsError, match="is no folder of a trial"):
        find_trial(store, str(tmp_path))


def test_results_without_trials_are_a_sentence(tmp_path):
    with pytest.raises(ResultsError, match="bench run makes them"):
        find_trial(ResultsStore(tmp_path), "pylon")

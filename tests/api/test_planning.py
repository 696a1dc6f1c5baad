"""`bench.plan`: how a suite's trials stand, as a frame."""

import pandas as pd
import pytest

import bench
from bench.errors import SuiteError

TRANSFER = """\
models: [{name: pylon, init: {from: small, model: pylon}}]
datasets: [{name: phantom, train: 48, val: 16, test: 24, seed: 1}]
resolutions: [64]
seeds: [0, 1]
encoder: tu-test_resnet
weights: none
cams: [native, grad_cam]
recipe: {batch_size: 16, max_epochs: 1}
"""


def test_a_row_for_each_trial_says_what_it_is_how_it_stands_and_what_it_takes(place, tmp_path):
    done = bench.plan(place.suite, results_dir=place.results)
    todo = bench.plan(str(place.suite), results_dir=tmp_path / "results")
    for frame in (done, todo):
        assert list(frame["id"]) == [trial.id for trial in bench.load_suite(place.suite).grid.trials]
        assert list(frame["model"]) == ["Baseline", "Baseline", "PYLON", "PYLON"]
        assert list(frame["seed"]) == [0, 1, 0, 1]
        assert set(frame["resolution"]) == {64}
        assert frame["starts_from"].isna().all()
        assert {name: frame[name].dtype.name for name in ("resolution", "seed", "expected_s")} == {
            "resolution": "int64",
            "seed": "int64",
            "expected_s": "float64",
        }
    assert set(done["state"]) == {"finished"}
    assert done["expected_s"].isna().all()
    assert set(todo["state"]) == {"todo"}


def test_the_time_is_expected_once_a_trial_like_it_has_run_here(place):
    again = bench.load_suite(place.suite, ["recipe.max_epochs=2", "cams=[native, grad_cam]"])
    frame = bench.plan(again, results_dir=place.results)
    native = frame[frame["cam"] == "native"]
    assert len(frame) == 2 * len(native) == 8
    assert (native["expected_s"] > 0).all()
    assert frame["expected_s"].notna().sum() == 4  # once for each trial, so that a sum is one


def test_trials_that_others_start_from_are_there_with_their_suite(place):
    path = place.folder / "transfer.yaml"
    path.write_text(TRANSFER)
    frame = bench.plan(path, only="cam=native", results_dir=place.results)
    assert list(frame["suite"]) == ["small", "transfer", "small", "transfer"]
    assert list(frame["state"]) == ["finished", "todo", "finished", "todo"]
    assert list(frame["starts_from"][1::2]) == list(frame["id"][::2])


def test_a_selection_is_given_as_words_or_numbers(place):
    frames = [
        bench.plan(place.suite, only=only, seeds=seeds, results_dir=place.results)
        for only, seeds in (
            ("model=pylon", [1]),
            (["model=pylon"], "1"),
            (("model=pylon",), range(1, 2)),
            ("model=pylon", 1),
        )
    ]
    for frame in frames:
        pd.testing.assert_frame_equal(frame, frames[0])
        assert len(frame) == 1


def test_overrides_make_other_trials_and_one_may_stand_alone(place):
    suite = bench.load_suite(place.suite, "seeds=[7]")
    assert set(bench.plan(suite, results_dir=place.results)["seed"]) == {7}


def test_a_suite_that_is_not_there_is_one_sentence(place):
    with pytest.raises(SuiteError, match=r"cannot be read.*did you mean"):
        bench.plan(place.folder / "smal.yaml")

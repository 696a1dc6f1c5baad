"""The cost of maps beside the native one, against products by hand."""

import pandas as pd
import pytest
from trials import make_trial

from bench.models.size import measure
from bench.planning.cost import Budget
from bench.planning.machine import Machine
from bench.planning.map_cost import cost_table, map_costs
from bench.planning.speed import Probe, add_probe, workload_of
from bench.results.store import ResultsStore
from bench.suite.cam import CAMS, Passes
from bench.suite.dataset_specs import NihSpec
from bench.suite.grid import Point

TWO_CORES = Machine("cpu", 2, 0)


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "sizes"))


@pytest.fixture
def store(tmp_path):
    return ResultsStore(tmp_path / "results")


def costs_of(store, trial, *cams):
    points = [Point(trial, trial.label, cam) for cam in cams]
    return map_costs(points, store, Budget(store, TWO_CORES), use_gpu=False)


def probed(store, trial, images_per_s):
    given = {"memory_bytes": 1, "num_steps": 5, "probed_at": "2026-01-01T00:00:00+00:00"}
    add_probe(
        store.root, Probe(workload=workload_of(trial), device="cpu", images_per_s=images_per_s, **given)
    )


def test_a_backward_pass_counts_as_two_and_channels_as_one_each():
    assert Passes(2, 3).equivalents(100, 0.5) == 2 + 6
    assert Passes(per_channel=1).equivalents(100, 0.5) == 1 + 100
    assert Passes(per_channel=1, encodes_once=True).equivalents(100, 0.25) == 1 + 25
    assert [name for name in CAMS.own if CAMS[name].is_slow] == [
        *("score_cam", "ablation_cam"),
        *("integrated_gradients", "occlusion"),
    ]


def test_the_time_is_that_of_the_passes_of_all_units(store):
    trial = make_trial(dataset=NihSpec())
    probed(store, trial, 10.0)
    cost, other = costs_of(store, trial, "native", "occlusion", "grad_cam")
    assert (cost.cam, cost.num_left, cost.passes, cost.num_units) == ("occlusion", 1, 226, 984)
    assert cost.device_s == pytest.approx(226 * 984 * 0.1 / 3)
    assert other.device_s == pytest.approx(3 * 984 * 0.1 / 3)


def test_channels_are_those_that_the_models_head_reads(store):
    size = measure("pylon", {}, "tu-test_resnet")
    assert size.head_channels == 128
    assert 0 < size.decoder_share < 1
    assert measure("baseline", {}, "tu-test_resnet").head_channels == 96
    score, ablation = costs_of(store, make_trial(model="pylon"), "score_cam", "ablation_cam")
    assert score.passes == 129
    assert ablation.passes == pytest.approx(1 + 128 * size.decoder_share)


def test_units_are_those_of_the_native_maps_once_they_are_scored(store):
    trial = make_trial()
    (cost,) = costs_of(store, trial, "occlusion")
    assert (cost.num_units, cost.num_unknown, cost.device_s) == (0, 1, 0)
    probed(store, trial, 10.0)
    path = store.folder(trial.id).cam_units("native")
    path.parent.mkdir(parents=True)
    pd.DataFrame({"image": ["a", "b", "c"]}).to_parquet(path)
    (cost,) = costs_of(store, trial, "occlusion")
    assert (cost.num_units, cost.num_unknown) == (3, 0)
    (row,) = cost_table([cost], num_slots=2)
    assert row["units"] == "3"
    assert row["time"]

"""Trials of subjects: scored on the path of trained models, without an epoch, and resumed like them."""

import json
import os
from dataclasses import replace

import pytest
import torch
import yaml
from forking import ForkedBench
from trials import context_in

from bench.errors import ResultsError, SuiteError
from bench.execution.prepare import load_trained
from bench.execution.replay import replay_trial
from bench.execution.trial import run_trial
from bench.models import build_model
from bench.planning.cost import Budget
from bench.planning.machine import CPU, Machine
from bench.planning.map_cost import map_costs
from bench.reporting.build import render_report
from bench.results.grid_results import Results
from bench.results.record import Record, now
from bench.results.store import ResultsStore
from bench.results.units import read_table
from bench.suite.cam import NATIVE
from bench.suite.findings import NIH_BOXED_FINDINGS
from bench.suite.load import load_suite

NETS = """\
from torch import nn

class Net(nn.Module):
    def __init__(self, num_classes, hidden):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 8, 7, 8, 3), nn.BatchNorm2d(8), nn.ReLU(inplace=True))
        self.hidden = nn.Linear(8, 8) if hidden else nn.Identity()
        self.fc = nn.Linear(8, num_classes)

    def forward(self, images):
        pooled = self.body(images).mean((2, 3))
        return self.fc(self.hidden(pooled).relu()).sigmoid()

def load(num_classes: int = 8, hidden: bool = False):
    return Net(num_classes, hidden)

def breaks():
    raise KeyError("deep")
"""


@pytest.fixture(scope="module", autouse=True)
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nets")
    (folder / "subject_nets.py").write_text(NETS, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield folder


@pytest.fixture
def suite(tmp_path):
    """Loads a suite of one entry on eight phantoms, and its context; entries of trained models beside it."""

    def load(*beside, cams=("native",), sanity=False, test=48, **entry):
        model = {"name": "subject_nets:load", "train": False, "classes": list(NIH_BOXED_FINDINGS)} | entry
        document = {
            "models": [model, *beside],
            "datasets": [{"name": "phantom", "train": 8, "val": 4, "test": test}],
            "resolutions": [64],
            "seeds": [1, 2],
            "encoder": "tu-test_resnet",
            "weights": "none",
            "cams": list(cams),
            "sanity": sanity,
            "recipe": {"max_epochs": 1, "batch_size": 8},
        }
        (tmp_path / "s.yaml").write_text(yaml.safe_dump(document), "utf-8")
        loaded = load_suite(tmp_path / "s.yaml")
        cams_of = {trial.id: tuple(cam for cam in cams if cam != NATIVE) for trial in loaded.grid.trials}
        return loaded, context_in(tmp_path / "results", files=dict(loaded.grid.files), cams=cams_of)

    return load


def _run(loaded, context):
    """Runs the suite's subject as a driver does; returns its folder, outcome and evaluations."""
    trial, evaluations = loaded.grid.trials[0], {}
    outcome = run_trial(trial, context, on_cam=lambda one: evaluations.update({one.method: one}))
    store = ResultsStore(context.results_dir)
    for one in evaluations.values():
        store.evaluated(trial.id, one)
    store.finish(trial, outcome)
    return store.folder(trial.id), outcome, evaluations


def test_it_is_scored_without_an_epoch_and_tells_what_it_was_given(suite):
    folder, outcome, evaluations = _run(*suite(cams=("native", "grad_cam")))
    assert (outcome.num_epochs, outcome.best_epoch) == (0, 0)
    assert outcome.input_seen.in_range[1] <= 1
    assert {"auroc/weighted", "auroc/Mass"} <= outcome.metrics.keys()
    assert all("point_accuracy/weighted" in one.metrics for one in evaluations.values())
    assert len(read_table(folder.cam_units("grad_cam"))) == len(read_table(folder.cam_units(NATIVE))) > 0
    assert not folder.losses.exists()
    assert folder.read_record().trial.subject.classes == NIH_BOXED_FINDINGS


def test_logits_are_those_of_the_network_whatever_it_makes_of_them(suite):
    """Its outputs are probabilities; logits are those of its last linear layer."""
    folder, _, _ = _run(*suite())
    trained = load_trained(folder, torch.device("cpu"))
    network = trained.model.encoder.network
    images = torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        assert torch.allclose(trained.model(images).logits.sigmoid(), network(images), atol=1e-6)


def test_its_weights_are_kept_so_that_later_maps_need_no_file(suite, tmp_path):
    model = build_model("pylon", num_classes=8, encoder="tu-test_resnet")
    torch.save(model.state_dict(), tmp_path / "pylon.pth")
    loaded, context = suite(name="pylon", weights="pylon.pth")
    _, outcome, _ = _run(loaded, context)
    (tmp_path / "pylon.pth").unlink()
    later = replace(context, files={}, cams={loaded.grid.trials[0].id: ("grad_cam",)})
    found = {}
    again = run_trial(loaded.grid.trials[0], later, on_cam=lambda one: found.update({one.method: one.status}))
    assert again == outcome
    assert found == {"grad_cam": "finished"}


def test_a_finding_without_a_class_has_no_units_and_averages_that_need_it_are_left_out(suite):
    classes = ["cardiomegaly", "MASS", "Pleural Effusion", "Fluff"]
    folder, outcome, evaluations = _run(*suite(classes=classes, num_classes=4))
    assert outcome.findings == ("Cardiomegaly", "Effusion", "Mass")
    assert set(outcome.lacks) == set(NIH_BOXED_FINDINGS) - set(outcome.findings)
    metrics = outcome.metrics | evaluations[NATIVE].metrics
    assert not [key for key in metrics if key.endswith(("/weighted", "/macro"))]
    assert "point_accuracy/Mass" in metrics
    units = read_table(folder.cam_units(NATIVE))
    assert set(units["finding"]) <= set(outcome.findings)
    notes = " ".join(outcome.notes)
    assert "Fluff" in notes
    assert "Nodule" in notes


def test_partial_units_are_those_of_the_whole_for_the_findings_that_are_left(suite):
    """The same network, once with all of its classes named and once with three: equal columns."""
    torch.manual_seed(3)
    whole, _, _ = _run(*suite())
    some = [name if name in ("Mass", "Nodule") else f"other {i}" for i, name in enumerate(NIH_BOXED_FINDINGS)]
    part, _, _ = _run(*suite(classes=some))
    units = [read_table(folder.cam_units(NATIVE)) for folder in (whole, part)]
    common = units[0][units[0]["finding"].isin(["Mass", "Nodule"])].reset_index(drop=True)
    columns = ["image", "finding"]
    assert common[columns].equals(units[1][columns])


def test_a_head_that_is_not_linear_leaves_no_native_map_but_those_of_methods(suite):
    loaded, context = suite(hidden=True, cams=("native", "grad_cam"))
    folder, outcome, evaluations = _run(loaded, context)
    assert "auroc/weighted" in outcome.metrics
    assert evaluations[NATIVE].metrics == {}
    assert "no native map" in " ".join(evaluations[NATIVE].notes)
    assert not folder.cam_maps(NATIVE).exists()
    assert evaluations["grad_cam"].metrics["point_accuracy/weighted"] >= 0
    results = Results(loaded.grid, ResultsStore(context.results_dir))
    rows = results.trials[results.trials["metric"] == "point_accuracy"]
    assert set(rows["cam"]) == {"grad_cam"}


def test_maps_stand_sanity_checks_but_for_what_a_subject_lacks(suite):
    """Of one with a hidden layer the native map, and of one without classes of some findings averages."""
    entry = {"name": "subject_nets:load", "train": False, "classes": list(NIH_BOXED_FINDINGS)}
    deep = entry | {"hidden": True, "label": "Deep"}
    part = entry | {"classes": ["Mass", "Nodule"], "num_classes": 2, "label": "Part"}
    loaded, context = suite(deep, part, cams=("native", "grad_cam"), label="Whole", sanity=True, test=12)
    context = replace(context, sanity=dict.fromkeys(context.cams, ("native", "grad_cam")))
    store, checks = ResultsStore(context.results_dir), {}
    for point in loaded.grid.points[::2]:
        trial, label, found = point.trial, point.label, []
        store.finish(trial, run_trial(trial, context, on_cam=found.append))
        for one in found:
            store.evaluated(trial.id, one)
        checks |= {(label, one.method): one for one in found if one.part == "sanity"}
    assert {one.status for one in checks.values()} == {"finished"}
    averaged = {key for key, one in checks.items() if "randomisation/weighted" in one.metrics}
    assert averaged == {("Whole", "native"), ("Whole", "grad_cam"), ("Deep", "grad_cam")}
    assert checks["Deep", "native"].metrics == {}
    assert "no native map" in " ".join(checks["Deep", "native"].notes)
    assert "shift/Mass" in checks["Part", "native"].metrics
    (table,) = (one for one in render_report(loaded, store).tables if one.subject.kind == "trust")
    assert {row.label for row in table.models if any(cell.mean is not None for cell in row.cells)} == {
        *("Whole", "Whole [Grad-CAM]", "Deep [Grad-CAM]")
    }
    assert len(table.references) == 2


def test_wrong_normalisation_is_noted(suite):
    _, outcome, _ = _run(*suite(input={"mean": [127.0], "std": [64.0]}))
    assert any("check the input contract" in note for note in outcome.notes)


@pytest.mark.parametrize("classes", [list("abcdefgh"), ["Mass", "mass", *"abcdef"]])
def test_classes_that_meet_no_finding_or_one_twice_are_refused(suite, classes):
    with pytest.raises(SuiteError, match="aliases"):
        _run(*suite(classes=classes))


def test_it_cannot_be_replayed(suite):
    loaded, context = suite()
    folder, outcome, _ = _run(loaded, context)
    record = Record(trial=loaded.grid.trials[0], status="finished", outcome=outcome, ended_at=now())
    with pytest.raises(ResultsError, match="trained elsewhere"):
        replay_trial(folder, record, context, 1)


def test_the_plan_knows_the_passes_of_its_maps_but_not_how_many_channels_its_head_reads(suite):
    loaded, context = suite(cams=("grad_cam", "score_cam"))
    store = ResultsStore(context.results_dir)
    gradient, score = map_costs(loaded.grid.points, store, Budget(store, Machine(CPU, 1, 0)), use_gpu=False)
    assert (gradient.cam, gradient.passes) == ("grad_cam", 3)
    assert (score.cam, score.passes, score.num_unknown) == ("score_cam", None, 1)


def test_the_plan_counts_its_scoring_alone(suite):
    loaded, context = suite()
    store, trial = ResultsStore(context.results_dir), loaded.grid.trials[0]
    budget = Budget(store, Machine(CPU, 1, 0))
    assert budget.trial_costs([trial], {}, use_gpu=False) == {}
    _, outcome, _ = _run(loaded, context)
    budget = Budget(store, Machine(CPU, 1, 0))
    left = budget.trial_costs([trial], {}, use_gpu=False)[trial.id].left_s
    assert left.fewest == left.most == outcome.duration_s


def test_subjects_and_trained_models_share_a_report_a_gallery_and_verdicts(suite, package, tmp_path):
    loaded, _ = suite({"name": "baseline"}, cams=("native", "grad_cam"), label="Ours")
    text = (tmp_path / "s.yaml").read_text("utf-8")
    partial = {"name": "subject_nets:load", "train": False, "classes": ["Mass", "Nodule"], "label": "Two"}
    hidden = {"name": "subject_nets:load", "train": False, "hidden": True, "label": "Deep"}
    document = yaml.safe_load(text)
    document["models"] += [
        partial | {"num_classes": 2},
        hidden | {"classes": list(NIH_BOXED_FINDINGS)},
    ]
    document["claims"] = [
        {"superior": "Ours", "to": "Baseline"},
        {"superior": "Ours", "to": "Ours [Grad-CAM]"},
    ]
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(document), "utf-8")
    paths = [str(package), *filter(None, [os.environ.get("PYTHONPATH")])]
    bench = ForkedBench(tmp_path, {"PYTHONPATH": os.pathsep.join(paths)})
    try:
        done = bench("run", "s.yaml", "--serial", "--cpu", "--no-mlflow")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Trained elsewhere: Ours" in done.stdout
        claims = json.loads(bench("verify", "s.yaml", "--json").stdout)
        plan = bench("plan", "s.yaml").stdout
        shown = bench("show", f"{loaded.grid.trials[0].id}").stdout
    finally:
        bench.end()
    assert "trained elsewhere" in shown
    assert (tmp_path / "reports" / "s" / "gallery-phantom-64px.png").exists()
    assert "done" in plan or "finished" in plan
    trained, maps = (claim["comparisons"][0] for claim in claims["suites"][0]["claims"])
    assert (trained["num_seeds"], maps["num_seeds"]) == (2, 1)
    assert maps["population"] in (None, "other patients")  # None where no patient shows a difference

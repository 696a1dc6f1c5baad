"""The plan as a graph: what starts from what, and in which state everything is."""

import json
from pathlib import Path

import pytest
from records import finish_whole

from bench.cli.main import main
from bench.results.store import ResultsStore
from bench.suite.load import load_suite

SOURCE = """\
models: [{name: pylon, label: Ours}]
datasets: [phantom]
resolutions: [64]
seeds: [0, 1]
"""
CHAIN = """\
models:
  - baseline
  - {name: pylon, init: {from: source, model: Ours}}
  - {name: pylon, init: {from: source, model: Ours}, phases: [{freeze: encoder}, {}]}
datasets: [{name: phantom, seed: 1}]
resolutions: [64]
seeds: [0, 1]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A folder with a suite and the one that it starts from."""
    (tmp_path / "source.yaml").write_text(SOURCE)
    (tmp_path / "chain.yaml").write_text(CHAIN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path


@pytest.fixture
def trials(folder):
    return load_suite(folder / "chain.yaml").grid.trials


@pytest.fixture
def store(folder):
    return ResultsStore(folder / "results")


def plan(capsys, *arguments: str) -> str:
    assert main(["plan", "chain.yaml", *arguments]) == 0
    return capsys.readouterr().out


def test_children_stand_below_their_parents_in_aligned_columns(trials, capsys):
    baseline, tuned, last = trials[0], trials[2], trials[4]
    text = plan(capsys, "--seeds", "0")
    assert text.startswith(
        "state    model                      data set  px  seed  trial\n"
        f"todo     Baseline                   phantom   64  0     {baseline.id}\n"
        f"todo     Ours of source             phantom   64  0     {tuned.init.id}\n"
        f"waiting  ├─ PYLON (fine-tuned)      phantom   64  0     {tuned.id}\n"
        f"waiting  └─ PYLON (encoder frozen)  phantom   64  0     {last.init.id}\n"
        f"waiting     └─ PYLON (two-phase)    phantom   64  0     {last.id}\n"
        "\n"
        "5 trials, 1 of them of source: 2 todo, 3 waiting\n"
        "\n"
        "Never timed here: 5 trials; `bench probe chain.yaml`"
    )
    assert "One seed has no spread" in text


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_narrow_terminals_do_without_what_the_id_says(trials, capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    lines = plan(capsys).splitlines()
    assert all(trial.id in "\n".join(lines) for trial in trials)
    assert ("data set" in lines[0]) == (width >= 100)
    if width >= 80:
        assert max(map(len, lines)) <= width


def test_states_follow_from_what_is_on_disk(trials, store, capsys):
    """Seed 0: the source failed. Seed 1: it is finished, and a first phase was interrupted."""
    baseline, source = trials[0], trials[2].init
    store.fail(source, "Traceback …\nRuntimeError: no memory")
    store.announce(baseline)
    store.folder(baseline.id).last_checkpoint.touch()
    finish(store, trials[3].init)
    store.announce(trials[5].init)
    store.folder(trials[5].init.id).last_checkpoint.touch()
    shown = plan(capsys).splitlines()[1:]
    lines, (count, *sentences) = shown[: shown.index("")], shown[shown.index("") + 1 :]
    assert {tuple(line.split()[i] for i in (0, -1)) for line in lines} == {
        ("interrupted", baseline.id),
        ("todo", trials[1].id),
        ("failed", source.id),
        ("blocked", trials[2].id),
        ("blocked", trials[4].init.id),
        ("blocked", trials[4].id),
        ("finished", trials[3].init.id),
        ("todo", trials[3].id),
        ("interrupted", trials[5].init.id),
        ("waiting", trials[5].id),
    }
    assert count.startswith("10 trials, 2 of them of source: ")
    blocked = f"{trials[2].id}, {trials[4].init.id}, {trials[4].id} are blocked because {source.id} failed"
    told = " ".join(" ".join(sentences).split())
    assert told.startswith(f"{blocked}: RuntimeError: no memory")
    assert "--retry-failed" in told


def test_maps_stand_below_each_other_and_are_not_done_before_their_trial(trials, store, capsys):
    finish(store, trials[2].init)
    lines = plan(capsys, "--seeds", "0", "--set", "cams=[native, grad_cam]", "--only", "model=pylon")
    assert [line.split("  phantom")[0].rstrip() for line in lines.splitlines()[1:7]] == [
        "finished  Ours of source",
        "todo      ├─ PYLON (fine-tuned)",
        "todo      │  PYLON (fine-tuned)",
        "todo      └─ PYLON (encoder frozen)",
        "waiting      └─ PYLON (two-phase)",
        "waiting         PYLON (two-phase)",
    ]


def test_json_has_the_documented_keys(trials, capsys):
    document = json.loads(plan(capsys, "--json", "--seeds", "1", "--only", "model=PYLON (fine-tuned)"))
    source, tuned = trials[3].init, trials[3]
    place = {"dataset": "phantom", "resolution": 64, "seed": 1, "cam": "native", "driver": None}
    first = {"id": source.id, "state": "todo", "model": "Ours", "starts_from": None, "suite": "source"}
    second = {"id": tuned.id, "state": "waiting", "model": "PYLON (fine-tuned)", "starts_from": source.id}
    cost = document.pop("cost")
    assert (cost["num_trials"], cost["num_unknown"], cost["sources"]) == (2, 2, {})
    assert cost["finished_bytes"] is None
    assert document == {
        "suite": "chain",
        "trials": [first | place, second | place | {"suite": "chain"}],
        "one_comparison": {
            "metric": "point_accuracy/weighted",
            "num_seeds": 1,
            "margin": 0.05,
            "spreads": [],
        },
        "claims": [],
        "remarks": [],
        "maps": [],
    }


def test_trial_that_both_suites_have_is_of_this_one(folder, capsys):
    text = CHAIN.replace("- baseline", "- {name: pylon, label: Scratch}").replace(", seed: 1", "")
    (folder / "chain.yaml").write_text(text)
    lines = plan(capsys, "--seeds", "0").splitlines()
    assert [line.split("  phantom")[0].rstrip() for line in lines[1:5]] == [
        "todo     Scratch",
        "waiting  ├─ PYLON (fine-tuned)",
        "waiting  └─ PYLON (encoder frozen)",
        "waiting     └─ PYLON (two-phase)",
    ]


def test_plan_ends_with_what_its_seeds_can_show(folder, capsys, monkeypatch):
    """The authors' seeds have s .015506; two seeds find 11.548·√2·s paired and 5.6533·s unpaired."""
    monkeypatch.setenv("COLUMNS", "80")
    lines = plan(capsys).splitlines()[-9:]
    assert max(map(len, lines)) <= 80
    end = " ".join(" ".join(lines).split())
    assert "Smallest difference in weighted point accuracy" in end
    assert "0.253 4 0.088 3 0.016 0.022 the authors' 5 seeds of" in end


def test_plan_knows_the_spread_of_what_is_finished(trials, store, capsys):
    """Baseline .40 and .42, PYLON fine-tuned .50 and .56: s .0141 and .0424, of the differences .0283."""
    for trial, value in zip(trials[:4], (0.40, 0.42, 0.50, 0.56), strict=True):
        finish(store, trial, {"point_accuracy/weighted": value})
    power = json.loads(plan(capsys, "--json", "--set", "margins.point_accuracy=0.1"))["one_comparison"]
    assert (power["num_seeds"], power["margin"]) == (2, 0.1)
    published, seen = power["spreads"]
    assert seen["source"] == "finished trials of this suite, medians of 2 rows and 1 pair"
    assert seen["standard_deviation"] == pytest.approx((0.02 + 0.06) / 2 / 2**0.5)
    assert seen["standard_deviation_of_differences"] == pytest.approx(0.04 / 2**0.5)
    assert seen["smallest_difference_paired"] == pytest.approx(11.5499 * 0.04 / 2**0.5, rel=1e-4)
    assert published["seeds_for_margin_unpaired"] == 2


def test_plan_tells_how_likely_each_claim_is_supported(folder, capsys):
    claims = """\
claims:
  - {statement: The first, superior: Baseline, to: "PYLON (fine-tuned)", column: [weighted, macro]}
  - {superior: Baseline, to: "PYLON (fine-tuned)", metric: iobb_accuracy}
  - {equivalent: [Baseline, "PYLON (fine-tuned)"], metric: auroc}
"""
    (folder / "chain.yaml").write_text(CHAIN + claims)
    first, unknown, alike = json.loads(plan(capsys, "--json"))["claims"]
    assert (first["statement"], first["num_comparisons"], first["margin"]) == ("The first", 2, 0.05)
    assert 0 < first["probability"] < 0.8
    assert 2 < first["seeds_needed"] < 20
    assert (unknown["probability"], unknown["seeds_needed"]) == (None, None)
    assert 0 <= alike["probability"] < 1
    text = " ".join(plan(capsys).split())
    assert f"% {first['seeds_needed']} The first" in text
    assert "not known " in text


def finish(store: ResultsStore, trial, metrics: dict[str, float] | None = None) -> None:
    from bench.results.provenance import describe
    from bench.results.record import Outcome

    outcome = Outcome(
        findings=(),
        metrics=metrics or {},
        best_epoch=1,
        num_epochs=1,
        duration_s=1.0,
        notes=(),
        provenance=describe("cpu", "", 1),
    )
    finish_whole(store, trial, outcome)

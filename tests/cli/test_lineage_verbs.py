"""bench show, compare, reference and report --check on a results folder, as they are typed."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.cli.main import main
from bench.results.store import ResultsStore
from bench.suite.find import shipped_suites
from bench.suite.load import load_suite

SUITE = """\
models: [pylon, baseline]
datasets: [phantom]
resolutions: [64]
seeds: [0, 1]
recipe: {batch_size: 8, augmentation: {flip_probability: 0}}
"""
UNITS = [(f"image-{i:02}", f"patient-{i % 50}", "Mass" if i % 3 else "Nodule") for i in range(90)]
TABLE = "reports/example/point_accuracy-phantom-64px.csv"


@pytest.fixture(scope="module")
def folder(tmp_path_factory, finish_trial) -> Path:
    """A suite with finished trials and a report; for tests that change nothing."""
    folder = tmp_path_factory.mktemp("lineage")
    (folder / "suites").mkdir()
    (folder / "suites" / "example.yaml").write_text(SUITE)
    (folder / "suites" / "broken.yaml").write_text("models: [pylon]\n")
    store = ResultsStore(folder / "results")
    for point in load_suite(folder / "suites" / "example.yaml").grid.points:
        every = 4 if point.label == "PYLON" else 2
        hits = {unit: (i + point.trial.seed) % every != 0 for i, unit in enumerate(UNITS)}
        finish_trial(store, point.trial, hits, **{"auroc/weighted": 0.75})
    where = ["--results-dir", str(store.root), "--reports-dir", str(folder / "reports")]
    assert main(["report", str(folder / "suites" / "example.yaml"), *where]) == 0
    return folder


@pytest.fixture
def bench(folder, monkeypatch, capsys):
    """Runs a verb in the folder and returns exit code, output and errors."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_show_of_a_trial_tells_what_was_asked_and_what_came_out(bench, folder):
    code, text, _ = bench("show", "pylon-phantom-64px-s1", "--suites-dir", "suites")
    lines = dict(line.split(":", 1) for line in text.splitlines() if not line.startswith(" "))
    assert code == 0
    assert all(len(line) <= 80 or "/" in line for line in text.splitlines())
    assert lines["state"].strip().startswith("finished, 20")
    assert lines["model"].split() == ["PYLON;", "encoder", "resnet50,", "weights", "imagenet"]
    assert lines["recipe"].strip() == "batch_size 8, augmentation.flip_probability 0.0"
    assert "commit 0123456789ab" in text
    assert lines["data digest"].strip() == "sha256:abc"
    assert "point_accuracy weighted 0.7" in text
    assert "cams/native.parquet" in text
    assert "example: PYLON" in text
    assert "broken: cannot be read" in text


def test_show_of_a_trial_as_json_has_everything(bench, folder):
    trial = load_suite(folder / "suites" / "example.yaml").grid.trials[0]
    code, text, _ = bench("show", str(folder / "results" / "trials" / trial.id), "--json")
    document = json.loads(text)
    assert code == 0
    assert (document["id"], document["state"]) == (trial.id, "finished")
    assert document["asked"]["recipe"] == {"batch_size": 8, "augmentation": {"flip_probability": 0.0}}
    assert document["outcome"]["metrics"]["auroc/weighted"] == 0.75
    assert document["provenance"]["git_commit"] == "0123456789ab"
    assert set(document["files"]) == {
        *("boxes.parquet", "record.json", "trial.json", "cams/native.json", "cams/native.parquet")
    }
    assert document["suites"] is None


def test_show_of_a_trial_that_never_ran_tells_what_it_starts_from(tmp_path, monkeypatch, capsys):
    (tmp_path / "source.yaml").write_text(SUITE)
    (tmp_path / "tuned.yaml").write_text(
        "models: [{name: pylon, init: {from: source, model: pylon}}]\n"
        "datasets: [{name: phantom, seed: 1}]\nresolutions: [64]\nseeds: [0]\n"
    )
    (trial,) = load_suite(tmp_path / "tuned.yaml").grid.trials
    ResultsStore(tmp_path / "results").announce(trial)
    monkeypatch.chdir(tmp_path)
    assert main(["show", "pylon", "--suites-dir", "."]) == 0
    text = capsys.readouterr().out
    assert f"starts from: {trial.init.id} (todo)" in text
    assert "state:       todo\n" in text
    assert "tuned: PYLON (fine-tuned)" in text


def test_show_of_a_trial_counts_what_its_data_sets_manifest_knows(bench, folder):
    import pandas as pd

    from bench.data.checks.manifest import FileFacts

    facts = [
        FileFacts("a.png", 1000, 1, 1, 7, "x", 8, 8, ""),
        FileFacts("b.png", 500, 1, 1, 8, "y", 0, 0, "no"),
    ]
    (folder / "cache" / "phantom").mkdir(parents=True)
    pd.DataFrame(facts, index=["a", "b"]).to_parquet(folder / "cache" / "phantom" / "manifest-0.parquet")
    _, text, _ = bench("show", "pylon-phantom-64px-s1", "--cache-dir", str(folder / "cache"))
    assert "manifest:    2 images, 1.5 kB, 1 not readable:" in text


def test_show_of_a_cell_leads_to_its_trials(bench):
    code, text, _ = bench("show", TABLE, "--row", "pylon", "--column", "weighted")
    assert code == 0
    assert text.splitlines()[0] == "point_accuracy-phantom-64px: PYLON, Weighted avg."
    assert text.count("finished") == 2
    assert "the records of these trials give the same value again" in text
    assert "their tables of units give the same as their records" in text
    code, text, _ = bench("show", TABLE, "--row", "pylon", "--column", "weighted", "--json")
    assert json.loads(text)["agrees"] is True


def test_show_of_a_cell_that_is_not_so_exits_with_1(bench, folder, tmp_path):
    rows = list(csv.reader((folder / TABLE).read_text().splitlines()))
    rows[1][4] = "0.5"
    with (tmp_path / "edited.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    code, text, _ = bench("show", str(tmp_path / "edited.csv"), "--row", "PYLON", "--column", "Weighted avg.")
    assert code == 1
    assert "give another value: 0.7" in text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("show", "pylom"), "no trial 'pylom' here"),
        (("show", TABLE), "say which cell with --row and --column"),
        (("show", TABLE, "--row", "PYLON", "--column", "Masse"), "did you mean 'Mass'"),
        (("compare", "suites/example.yaml", "PYLON", "Baselin"), "did you mean 'Baseline'"),
        (("compare", "suites/example.yaml", "PYLON", "pylon"), "cannot be compared with itself"),
        (
            ("compare", "suites/example.yaml", "PYLON", "Baseline", "--metric", "point_acuracy"),
            "did you mean 'point_accuracy'",
        ),
        (("reference", "show", "authors"), "unknown reference 'authors'"),
        (("report", "suites/example.yaml", "--set", "references=[x]"), "unknown reference 'x'"),
        (("run", "suites/example.yaml", "--set", "references=[x]"), "unknown reference 'x'"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_with_2(bench, arguments, sentence):
    code, text, errors = bench(*arguments)
    assert (code, text) == (2, "")
    assert sentence in errors
    assert len(errors.splitlines()) == 1


def test_compare_is_legible_in_80_columns(bench, tmp_path):
    path = tmp_path / "units.csv"
    code, text, _ = bench("compare", "suites/example.yaml", "PYLON", "Baseline", "--csv", str(path))
    assert code == 0
    assert all(len(line) <= 80 for line in text.splitlines())
    assert text.startswith("PYLON − Baseline: +0.2")
    assert "on 90 units of 50 patients" in text
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert len(rows) == 2 * 90
    of_seed = [row["outcome"] for row in rows if row["seed"] == "0"]
    # PYLON misses units 0, 4, 8, …, of ninety; the Baseline 0, 2, 4, ….
    assert {word: of_seed.count(word) for word in of_seed} == {"neither": 23, "both": 45, "first": 22}
    assert "seed 0    45          22            0       23      +0.244    4.8e-07" in text


def test_compare_as_json_agrees_with_its_units(bench):
    code, text, _ = bench("compare", "suites/example.yaml", "PYLON", "Baseline", "--json")
    document = json.loads(text)
    assert code == 0
    assert [seed["only_first"] for seed in document["seeds"]] == [22, 23]
    assert document["difference"]["mean"] == pytest.approx(22.5 / 90)
    assert document["seeds"][0]["p_mcnemar"] == pytest.approx(2.0**-21)
    assert sum(part["units"] for part in document["findings"]) == 90


def test_references_are_listed_and_shown(bench):
    code, text, _ = bench("reference", "list")
    assert code == 0
    assert "authors_pylon_nih256  PYLON, by its authors, built in" in text
    code, text, _ = bench("reference", "show", "authors_pylon_nih256")
    assert "984 units of seed 0 on 1024 px, 598 hit" in text
    assert all(len(line) <= 80 for line in text.splitlines())
    code, text, _ = bench("reference", "show", "authors_pylon_nih256", "--json")
    (entry,) = json.loads(text)["references"]
    assert (entry["units"], len(entry["seeds"])) == (984, 5)


def test_maps_become_a_reference_that_a_report_shows(bench, folder, tmp_path, finish_trial):
    maps = np.full((2, 4, 4), 0.1, np.float32)
    maps[:, 1, 2] = 0.9
    np.savez(tmp_path / "maps.npz", maps=maps)
    (tmp_path / "units.csv").write_text("image,finding\n00000001_000.png,Mass\n00000002_000.png,Mass\n")
    (tmp_path / "boxes.csv").write_text(
        "Image Index,Finding Label,Bbox [x,y,w,h],,,\n"
        "00000001_000.png,Mass,600,350,100,100\n00000002_000.png,Mass,0,0,50,50\n"
    )
    files = [f"--{kind}={tmp_path / name}" for kind, name in (("maps", "maps.npz"), ("units", "units.csv"))]
    where = ["--results-dir", str(tmp_path / "results")]
    add = ["reference", "add", "mine", *files, f"--boxes={tmp_path / 'boxes.csv'}", "--resolution=64", *where]
    code, text, errors = bench(*add)
    assert code == 0
    assert "2 units of seed 0 on 64 px, 1 hit" in text
    assert "references: [mine]" in errors
    assert bench(*add)[0] == 2

    suite = tmp_path / "nih.yaml"
    suite.write_text("models: [pylon]\ndatasets: [nih]\nresolutions: [64]\nseeds: [0]\nreferences: [mine]\n")
    store = ResultsStore(tmp_path / "results")
    (trial,) = load_suite(suite).grid.trials
    finish_trial(store, trial, {(f"0000000{i}_000.png", str(i), "Mass"): i == 2 for i in (1, 2)})
    reports = ["--reports-dir", str(tmp_path / "reports")]
    code, text, _ = bench("report", str(suite), *where, *reports)
    assert code == 0
    assert "| *Reference: mine (n=1)* | 0.50 | 0.50 | 0.50 |" in text
    assert bench("report", str(suite), *where, *reports, "--check")[0] == 0
    code, text, _ = bench("compare", str(suite), "PYLON", "mine", *where)
    assert code == 0
    assert "mine: its maps were made elsewhere" in text


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"--resolution": "40"}, "resolution 40: "),
        ({"--dataset": "nhi"}, "did you mean 'nih'"),
        ({"--dataset": "vindr"}, "say in which square its boxes are with --frame"),
        ({"name": "authors_pylon_nih256"}, "comes with bench"),
        ({"name": "a/b"}, "name 'a/b': "),
        ({"--maps": "nothing.npz"}, "nothing.npz: no readable array of numpy"),
    ],
)
def test_what_cannot_be_added_is_told(bench, tmp_path, change, sentence):
    (tmp_path / "units.csv").write_text("image,finding\n00000001_000.png,Mass\n")
    given = {
        "--maps": "x.npz",
        "--units": str(tmp_path / "units.csv"),
        "--boxes": "x.csv",
        "--resolution": "64",
    }
    options = {key: value for key, value in (given | change).items() if key != "name"}
    words = [word for pair in options.items() for word in pair]
    code, _, errors = bench("reference", "add", change.get("name", "mine"), *words)
    assert code == 2
    assert sentence in errors
    assert len(errors.splitlines()) == 1


def test_check_of_a_report_exits_with_0_or_1_and_writes_nothing(bench, folder, tmp_path):
    check = ["report", "suites/example.yaml", "--check"]
    code, text, errors = bench(*check)
    assert (code, errors) == (0, "")
    assert "every byte agrees with the results" in text
    code, text, _ = bench(*check, "--seeds", "0")
    assert code == 1
    assert "the suite is another" in text
    code, text, _ = bench(*check, "--reports-dir", str(tmp_path / "none"))
    assert code == 1
    assert not (tmp_path / "none").exists()


def test_all_reports_are_checked_at_once(bench, folder, tmp_path):
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "example.yaml").write_text(SUITE)
    shutil.copy(shipped_suites() / "nih_256.yaml", tmp_path / "suites")
    words = [
        "report",
        "--all",
        "--suites-dir",
        str(tmp_path / "suites"),
        "--reports-dir",
        str(tmp_path / "all"),
    ]
    assert bench(*words)[0] == 0
    assert bench(*words, "--check")[0] == 0
    table = tmp_path / "all" / "thesis" / "ours" / "table-5-1-ours.md"
    table.write_text(table.read_text().replace("PYLON", "PILON"))
    (tmp_path / "all" / "example" / "index.html").unlink()
    code, text, _ = bench(*words, "--check")
    assert code == 1
    told = " ".join(text.split())
    assert "index.html: is missing" in told
    assert f"{table}: was changed after it was written; line " in told


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "pylon-phantom-64px-s0"],
        ["show", TABLE, "--row", "PYLON", "--column", "Mass"],
        ["compare", "suites/example.yaml", "PYLON", "Baseline"],
        ["reference", "list"],
        ["report", "suites/example.yaml", "--check"],
    ],
)
def test_verbs_as_processes_import_neither_torch_nor_ray_nor_mlflow(folder, arguments):
    code = (
        "import sys; from bench.cli.main import main;"
        f"code = main({arguments!r});"
        "print(code, sorted({'torch', 'ray', 'mlflow'} & sys.modules.keys()))"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith("BENCH_")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.splitlines()[-1] == "0 []"

"""docs/adding-a-dataset.md is followed outside of bench, to tables and claims."""

import json

import cv2
import numpy as np
import pytest

PAGE = "adding-a-dataset.md"
CLINIC = "my_package.clinic:Clinic"


@pytest.fixture(scope="module")
def example(outside, blocks):
    """The page's package and suite; thirty films of fifteen patients, masses marked."""
    keys, reader = blocks(PAGE, "python")
    outside.add("my_package/clinic.py", keys)
    outside.add("my_package/clinic_tables.py", reader)
    (suite,) = blocks(PAGE, "yaml")
    outside.add("clinic.yaml", suite)
    root, random = outside.folder / "data" / "clinic", np.random.default_rng(0)
    (root / "films").mkdir(parents=True)
    films, marks = ["image,patient,Mass,Nodule"], ["image,finding,left,top,width,height"]
    for i in range(30):
        cv2.imwrite(str(root / "films" / f"f{i:02d}.png"), random.integers(0, 255, (70, 80), dtype=np.uint8))
        films.append(f"f{i:02d},p{i // 2},{int(i % 2 == 0)},{int(i % 3 == 0)}")
        marks += [f"f{i:02d},Mass,10,10,30,20"] * (i % 2 == 0)
    (root / "films.csv").write_text("\n".join(films) + "\n")
    (root / "marks.csv").write_text("\n".join(marks) + "\n")
    return outside


@pytest.fixture(scope="module")
def printed(example, blocks):
    """What each verb of the page printed, one after the other."""
    (commands,) = blocks(PAGE, "bash")
    told = {}
    for line in commands.splitlines():
        words = line.partition("  #")[0].strip().removeprefix("bench ")
        told[words] = example.bench(words + " --no-mlflow" * words.startswith("run"))
    return told


def test_the_data_set_has_tables_of_both_kinds_and_claims_are_tested_on_it(printed):
    ran, verified = printed["run clinic.yaml --serial"], printed["verify clinic.yaml"]
    assert "### Point localization accuracy, Clinic, 64 px" in ran
    assert "### AUROC, Clinic, 64 px" in ran
    assert "2 claims:" in verified
    assert "0 not testable yet" in verified


def test_it_is_checked_counted_shown_and_listed(printed, example):
    assert "patient: 70:10:20 with no patient in two parts" in printed[f"list datasets {CLINIC}"]
    assert printed[f"list datasets {CLINIC} --check"].count("passed") == 7
    assert "30 images of 15 patients; 15 boxes on 15 images" in printed[f"data stats {CLINIC}"]
    assert (example.folder / "sheet.png").is_file()


def test_records_name_the_source_that_the_trials_ids_are_made_of(printed, example):
    paths = sorted((example.folder / "results" / "trials").glob("*my_package.clinic.Clinic-*/record.json"))
    assert len(paths) == 4
    for path in paths:
        record = json.loads(path.read_text("utf-8"))
        source = record["outcome"]["provenance"]["dataset_source"]
        assert source["module"] == "my_package.clinic"
        assert record["trial"]["dataset_source"] == source["digest"]
        assert record["trial"]["dataset"] == {"name": CLINIC}


@pytest.mark.parametrize(
    "change", ["claims.1.column=[Nodules]", "claims.0.column=[Nodule]", "datasets.0.split=patients"]
)
def test_a_word_that_the_data_set_lacks_is_told_with_those_it_has(example, change):
    told = example.bench(f"plan clinic.yaml --set {change}", expected=2)
    assert "Mass" in told or "allowed: patient" in told


def test_a_changed_reader_makes_other_trials_and_without_it_records_are_read(printed, example):
    path = example.folder / "my_package" / "clinic_tables.py"
    text = path.read_text("utf-8")
    path.write_text(text + "\n# changed\n", "utf-8")
    try:
        planned = example.bench("plan clinic.yaml")
        assert f"the source of data set '{CLINIC}' has changed since 4 of its trials" in " ".join(
            planned.split()
        )
        path.unlink()
        assert "4 finished" in example.bench("status")
        assert "no Python file of module" in example.bench("plan clinic.yaml", expected=2)
    finally:
        path.write_text(text, "utf-8")

"""docs/adding-a-dataset.md is followed in a copy of the package, to tables and claims."""

import json
import shlex

import cv2
import numpy as np
import pytest

PAGE = "adding-a-dataset.md"


@pytest.fixture(scope="module")
def example(copy, blocks):
    """The copy with the page's data set and suite; thirty films of fifteen patients, masses marked."""
    file, spec = blocks(PAGE, "python")
    copy.add("bench/data/sources/clinic.py", file)
    copy.replace(
        "bench/suite/dataset_specs.py", "DatasetSpec = Annotated[", f"{spec}\n\nDatasetSpec = Annotated["
    )
    copy.replace("bench/suite/dataset_specs.py", "| FolderSpec,", "| FolderSpec | ClinicSpec,")
    (suite,) = blocks(PAGE, "yaml")
    (copy.folder / "clinic.yaml").write_text(suite, encoding="utf-8")
    root, random = copy.folder / "data" / "clinic", np.random.default_rng(0)
    (root / "films").mkdir(parents=True)
    films, marks = ["image,patient,Mass,Nodule"], ["image,finding,left,top,width,height"]
    for i in range(30):
        cv2.imwrite(str(root / "films" / f"f{i:02d}.png"), random.integers(0, 255, (70, 80), dtype=np.uint8))
        films.append(f"f{i:02d},p{i // 2},{int(i % 2 == 0)},{int(i % 3 == 0)}")
        marks += [f"f{i:02d},Mass,10,10,30,20"] * (i % 2 == 0)
    (root / "films.csv").write_text("\n".join(films) + "\n")
    (root / "marks.csv").write_text("\n".join(marks) + "\n")
    return copy


@pytest.fixture(scope="module")
def printed(example, blocks):
    """What each verb of the page printed, one after the other."""
    (commands,) = blocks(PAGE, "bash")
    told = {}
    for line in commands.splitlines():
        _, *words = shlex.split(line, comments=True)
        words += ["--no-mlflow"] if words[0] == "run" else []
        told[" ".join(words[:2])] = example.bench(" ".join(words))
    return told


@pytest.mark.slow
def test_the_data_set_has_tables_of_both_kinds_and_claims_are_tested_on_it(printed, example):
    assert "### Point localization accuracy, clinic, 64 px" in printed["run clinic.yaml"]
    assert "### AUROC, clinic, 64 px" in printed["run clinic.yaml"]
    assert "2 claims:" in printed["verify clinic.yaml"]
    assert "0 not testable yet" in printed["verify clinic.yaml"]


@pytest.mark.slow
def test_it_is_checked_counted_shown_and_listed(printed, example):
    assert "patient: 70:10:20 with no patient in two parts" in printed["list datasets"]
    assert "30 images of 15 patients; 15 boxes on 15 images" in printed["data stats"]
    assert (example.folder / "sheet.png").is_file()
    schema = json.loads(example.bench("list schema"))
    assert "clinic" in schema["properties"]["datasets"]["items"]["anyOf"][0]["enum"]
    assert schema["$defs"]["ClinicSpec"]["properties"]["split"]["description"].startswith("patient: 70:10:20")


@pytest.mark.slow
@pytest.mark.parametrize("change", ["claims.1.column=[Nodules]", "claims.0.column=[Nodule]"])
def test_a_claim_of_a_column_that_the_data_set_lacks_is_told_with_those_it_has(example, change):
    told = example.bench(f"plan clinic.yaml --set {change}", expected=2)
    assert "Mass" in told

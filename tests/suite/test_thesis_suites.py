"""The suites of the thesis' tables: rows, the numbers in their opening comments, and what they share."""

import re
from pathlib import Path

import pandas as pd
import pytest

from bench.planning.cost import image_counts
from bench.suite.findings import NIH_BOXED_FINDINGS
from bench.suite.grid import Grid
from bench.suite.load import LoadedSuite, load_suite
from bench.training.schedule import fewest_epochs

ROOT = Path(__file__).parents[2]
SUITES = ROOT / "suites"
PUBLISHED = pd.read_csv(ROOT / "bench/reporting/published/thesis.csv", dtype=str).fillna("")

AVERAGES = ("Weighted avg.", "Macro avg.")
LOCALIZATION_AND_AUROC = (
    "Point localization weighted avg.",
    "Point localization macro avg.",
    "AUROC weighted avg.",
    "AUROC macro avg.",
)

TRANSFER = {
    "Baseline (fine-tuned)": ("Baseline", "Baseline (fine-tune)"),
    "PYLON (fine-tuned)": ("PYLON", "PYLON (fine-tuned)"),
    "PYLON (two-phase)": ("PYLON (two-phase)", "PYLON (two-step)"),
}
"""Rows of transfer as Tables 5.5 and 5.6 call them."""


def published(table: str, row: str, column: str, resolution: int, section: str = "") -> str:
    """The cell as comments print it; a dash where the thesis has none."""
    cells = PUBLISHED.query(
        "table == @table and row == @row and column == @column and resolution == @resolution_text"
        " and section.str.startswith(@section)",
        local_dict={**locals(), "resolution_text": str(resolution)},
    ).drop_duplicates(["mean", "ci95"])
    assert len(cells) <= 1
    return f"{cells['mean'].item()} ± {cells['ci95'].item()}" if len(cells) else "–"


def averages(localization: str, auroc: str, resolution: int):
    def cells(label: str) -> list[str]:
        row = "PYLON (ours)" if label == "PYLON" else label
        return [published(table, row, c, resolution) for table in (localization, auroc) for c in AVERAGES]

    return cells


def ablated(label: str) -> list[str]:
    """Table 6.1 prints "- GAP in FPA" in the section "(A) PAN"."""
    section, _, change = label.partition(" − " if " − " in label else " + ")
    row = f"{'-' if ' − ' in label else '+'} {change}" if change else label
    sections = {"PAN": "(A)", "PYLON (UP1)": "(B)", "DeeplabV3+": "(C)"}
    return [published("6.1", row, c, 256, sections[section]) for c in (*AVERAGES, "Cardiomegaly")]


def overlap(label: str) -> list[str]:
    name, _, pixels = label.partition(", ")
    row = "PYLON (ours)" if name == "PYLON" else name
    return [published("5.2", row, c, int(pixels.removesuffix(" px"))) for c in NIH_BOXED_FINDINGS]


def from_scratch(label: str) -> list[str]:
    row = "PYLON (ours)" if label == "PYLON" else label
    localization = [published("5.5", label, c, 256, "Without") for c in AVERAGES]
    return localization + [published("5.6", row, c, 256) for c in AVERAGES]


def transferred(label: str) -> list[str]:
    row, auroc_row = TRANSFER[label]
    localization = [published("5.5", row, c, 256, "With transfer") for c in AVERAGES]
    return localization + [published("5.6", auroc_row, c, 256) for c in AVERAGES]


EXPECTED = {
    "nih_256": averages("5.1", "5.4", 256),
    "nih_512": averages("5.3", "5.4", 512),
    "nih_iobb": overlap,
    "gap_ablation": ablated,
    "pylon_ablation": lambda label: [published("6.2", label, c, 256) for c in LOCALIZATION_AND_AUROC],
    "fpn_groupnorm": averages("5.1", "5.4", 256),
    "vindr_256": from_scratch,
    "vindr_transfer": transferred,
}
"""The cells that a suite's comment has to print for a row."""

NUM_TRIALS = {
    "nih_256": 35,
    "nih_512": 20,
    "nih_iobb": 15,
    "gap_ablation": 45,
    "pylon_ablation": 25,
    "fpn_groupnorm": 10,
    "vindr_256": 20,
    "vindr_transfer": 15,
}

every_suite = pytest.mark.parametrize("name", EXPECTED)


def load(name: str) -> LoadedSuite:
    return load_suite(SUITES / f"{name}.yaml")


def grid(name: str) -> Grid:
    return load(name).grid


def comment(name: str) -> list[str]:
    lines = (SUITES / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    return [line.removeprefix("#").removeprefix(" ") for line in lines if line.startswith("#")]


def quoted_rows(name: str) -> dict[str, list[str]]:
    """Label → cells of the comment's tables; several tables continue each other's rows."""
    rows: dict[str, list[str]] = {}
    for line in comment(name):
        parts = re.split(r"\s{2,}", line.strip())
        if line.startswith("  ") and len(parts) > 1 and parts[0] != "row":
            rows.setdefault(parts[0], []).extend(parts[1:])
    return rows


@every_suite
def test_comment_quotes_the_published_numbers(name):
    rows = quoted_rows(name)
    assert rows
    for label, cells in rows.items():
        assert cells == EXPECTED[name](label)
        assert any(cell != "–" for cell in cells)


@every_suite
def test_rows_are_those_of_the_comment(name):
    points = grid(name).points
    labels = list(dict.fromkeys(p.label for p in points))
    if name == "nih_iobb":
        labels = list(dict.fromkeys(f"{p.label}, {p.trial.resolution} px" for p in points))
    if name == "fpn_groupnorm":  # the thesis has no number for it
        labels.remove("FPN (GN)")
    assert labels == list(quoted_rows(name))


@every_suite
def test_grid_has_five_seeds_of_each_row_and_the_thesis_recipe(name):
    loaded = load(name)
    trials = loaded.grid.trials
    assert len(trials) == NUM_TRIALS[name]
    assert {trial.seed for trial in trials} == set(range(5))
    recipe = loaded.suite.recipe.model_dump(exclude_defaults=True)
    assert recipe == ({"max_epochs": 100, "evaluate_every": 3} if name.startswith("vindr") else {})
    assert {(trial.encoder) for trial in trials} == {"resnet50"}
    assert {trial.weights for trial in trials} == {"none" if name == "vindr_transfer" else "imagenet"}


def ids(name: str) -> set[str]:
    return {trial.id for trial in grid(name).trials}


def test_trials_shared_between_suites_have_one_id():
    assert ids("nih_iobb") <= ids("nih_256") | ids("nih_512")
    assert len(ids("gap_ablation") & ids("nih_256")) == 10  # PAN and DeeplabV3+
    assert len(ids("gap_ablation") & ids("pylon_ablation")) == 5  # PYLON (UP1)
    assert len(ids("pylon_ablation") & ids("nih_256")) == 5  # PYLON
    assert len(ids("fpn_groupnorm") & ids("nih_256")) == 5  # FPN (BN)
    assert not ids("vindr_256") & ids("vindr_transfer")
    assert len(set().union(*map(ids, EXPECTED))) == 35 + 20 + 35 + 15 + 5 + 20 + 15


def test_transfer_starts_from_the_nih_trial_of_the_same_model_and_seed():
    nih = {(p.label, p.trial.seed): p.trial.id for p in grid("nih_256").points}
    for point in grid("vindr_transfer").points:
        trial, name = point.trial, point.label.split(" ")[0]
        source = trial.ancestors()[0]
        assert source.id == nih[name, trial.seed]
        assert len(trial.ancestors()) == (2 if point.label == "PYLON (two-phase)" else 1)
        assert trial.phase.freeze == "none"
    first_phases = [t for t in grid("vindr_transfer").required if t.dataset.name == "vindr"]
    assert [trial.phase.freeze for trial in first_phases] == ["encoder"] * 5
    assert len(grid("vindr_transfer").required) == 10 + 5


@every_suite
def test_comment_says_how_much_there_is_to_train(name):
    found = re.search(
        r"Trains: (\d+) trials of (\d+) to (\d+) epochs of ([\d,]+) images", " ".join(comment(name))
    )
    assert found
    whole = grid(name)
    trials = [*whole.trials, *(t for t in whole.required if t.dataset.name == "vindr")]
    epochs, images = ((21, 100), 10_500) if name.startswith("vindr") else ((7, 40), 78_484)
    assert [int(n.replace(",", "")) for n in found.groups()] == [len(trials), *epochs, images]
    for trial in trials:
        assert (fewest_epochs(trial.recipe), trial.recipe.max_epochs) == epochs
        assert image_counts(trial.dataset, whole.files).train == images

"""Expansion of suites to trials, and their selection."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import SuiteError
from bench.suite.find import shipped_suites, suites_in
from bench.suite.grid import AXES, Grid, parse_seeds
from bench.suite.load import load_suite

GOOD = """\
models: [pylon, baseline, {name: pylon, up_layers: 1, label: UP1}]
datasets: [phantom, nih]
resolutions: [64, 128]
seeds: [0, 1, 2]
"""


def _grid(folder: Path, text: str = GOOD) -> Grid:
    path = folder / "good.yaml"
    path.write_text(text)
    return load_suite(path).grid


def _reference_order() -> list[tuple[str, str, int, int]]:
    return [
        (label, dataset, resolution, seed)
        for label in ("PYLON", "Baseline", "UP1")
        for dataset in ("phantom", "nih")
        for resolution in (64, 128)
        for seed in (0, 1, 2)
    ]


def _places(grid: Grid) -> list[tuple[str, str, int, int]]:
    return [(p.label, p.trial.dataset.name, p.trial.resolution, p.trial.seed) for p in grid.points]


def test_grid_is_the_product_with_models_slowest_and_seeds_fastest(tmp_path: Path) -> None:
    assert _places(_grid(tmp_path)) == _reference_order()


def test_trials_of_a_grid_have_distinct_ids(tmp_path: Path) -> None:
    trials = _grid(tmp_path).trials
    assert len({trial.id for trial in trials}) == len(trials) == 36


@pytest.mark.parametrize(
    ("exclude", "is_out"),
    [
        ("[{seed: 1}]", lambda p: p[3] == 1),
        ("[{model: UP1}]", lambda p: p[0] == "UP1"),
        ("[{model: pylon}]", lambda p: p[0] in ("PYLON", "UP1")),
        ("[{dataset: nih, resolution: 128}]", lambda p: p[1] == "nih" and p[2] == 128),
        ("[{model: Baseline, seed: 0}, {resolution: 64}]", lambda p: p[2] == 64 or p[::3] == ("Baseline", 0)),
    ],
)
def test_exclude_leaves_out_points_that_match_every_key(tmp_path: Path, exclude: str, is_out) -> None:
    kept = [place for place in _reference_order() if not is_out(place)]
    assert _places(_grid(tmp_path, f"{GOOD}exclude: {exclude}\n")) == kept


def test_exclusions_may_overlap(tmp_path: Path) -> None:
    kept = [place for place in _reference_order() if place[0] != "UP1"]
    assert _places(_grid(tmp_path, f"{GOOD}exclude: [{{model: UP1}}, {{model: UP1, seed: 0}}]\n")) == kept


def test_excluding_one_of_two_equal_trials_does_not_help(tmp_path: Path) -> None:
    with pytest.raises(SuiteError) as caught:
        _grid(tmp_path, GOOD.replace("[phantom, nih]", "[phantom, {name: phantom, seed: 0}]"))
    assert caught.value.value == _grid(tmp_path).trials[0].id


@pytest.mark.parametrize(
    ("only", "seeds", "is_in"),
    [
        (["model=pylon"], None, lambda p: p[0] in ("PYLON", "UP1")),
        (["model=UP1"], None, lambda p: p[0] == "UP1"),
        (["model=baseline,resolution=128"], None, lambda p: p[0] == "Baseline" and p[2] == 128),
        (["model=baseline", "resolution=128"], None, lambda p: p[0] == "Baseline" and p[2] == 128),
        (["model=baseline", "model=UP1"], None, lambda p: p[0] in ("Baseline", "UP1")),
        (["dataset=nih", "seed=2"], None, lambda p: p[1] == "nih" and p[3] == 2),
        ([], "0,2", lambda p: p[3] in (0, 2)),
        ([], "1-2", lambda p: p[3] in (1, 2)),
        (["resolution=64, dataset=phantom"], "0", lambda p: p[1:] == ("phantom", 64, 0)),
        ([], None, lambda p: True),
    ],
)
def test_selection_keeps_matching_points_in_order(tmp_path: Path, only, seeds, is_in) -> None:
    grid = _grid(tmp_path)
    assert _places(grid.select(only, seeds)) == [place for place in _reference_order() if is_in(place)]


def test_selection_changes_no_id(tmp_path: Path) -> None:
    grid = _grid(tmp_path)
    assert {t.id for t in grid.select(["model=UP1"]).trials} < {t.id for t in grid.trials}


@pytest.mark.parametrize(
    ("only", "seeds", "place", "value", "allowed"),
    [
        (["pylon"], None, "--only 'pylon'", "pylon", AXES),
        ([""], None, "--only ''", "", AXES),
        (["modle=pylon"], None, "--only 'modle=pylon'", "modle", AXES),
        (["encoder=resnet50"], None, "--only 'encoder=resnet50'", "encoder", AXES),
        (["model=pylom"], None, None, "pylom", ("PYLON", "pylon", "Baseline", "baseline", "UP1")),
        (["model="], None, None, "", ("PYLON", "pylon", "Baseline", "baseline", "UP1")),
        (["resolution=256"], None, None, "256", ("64", "128")),
        (["seed=x"], None, None, "x", ("0", "1", "2")),
        ([], "7", None, "7", ("0", "1", "2")),
        *(([], text, f"--seeds {text!r}", text, ()) for text in ("", "a", "2-0", "-1", "0,,1", "0-", "1.5")),
    ],
)
def test_bad_selections_are_refused_in_one_line(tmp_path: Path, only, seeds, place, value, allowed) -> None:
    with pytest.raises(SuiteError) as caught:
        _grid(tmp_path).select(only, seeds)
    assert (caught.value.place, caught.value.value, caught.value.allowed) == (place, value, allowed)
    assert "\n" not in str(caught.value)


def test_conditions_that_exclude_each_other_leave_nothing_and_say_so(tmp_path: Path) -> None:
    grid = _grid(tmp_path, f"{GOOD}exclude: [{{model: UP1, seed: 0}}]\n")
    with pytest.raises(SuiteError):
        grid.select(["model=UP1"], "0")


def test_every_row_can_be_selected_by_the_name_that_tables_show(tmp_path: Path) -> None:
    text = GOOD.replace("label: UP1", "pyramid: false")
    grid = _grid(tmp_path, text)
    for label in dict.fromkeys(point.label for point in grid.points):
        assert {point.label for point in grid.select([f"model={label}"]).points} == {label}


def test_labels_name_the_model_and_what_differs_from_its_defaults(tmp_path: Path) -> None:
    text = GOOD.replace("baseline,", "{name: baseline, pooling: average}, {name: pylon, pyramid: false},")
    labels = list(dict.fromkeys(point.label for point in _grid(tmp_path, text).points))
    assert labels == ["PYLON", "Baseline (average)", "PYLON (pyramid=false)", "UP1"]


def test_options_at_their_defaults_do_not_show_in_labels(tmp_path: Path) -> None:
    text = GOOD.replace("[pylon,", "[{name: pylon, up_layers: 2, pyramid: true},")
    assert _grid(tmp_path, text).points[0].label == "PYLON"


def test_the_same_model_under_two_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"'PYLON' .* 'Ours'"):
        _grid(tmp_path, GOOD.replace("baseline", "{name: pylon, label: Ours}"))


CAMS = f"{GOOD}cams: [native, grad_cam_plus_plus]\n"


def test_maps_make_points_and_rows_but_no_trials(tmp_path: Path) -> None:
    plain, grid = _grid(tmp_path), _grid(tmp_path, CAMS)
    assert [t.id for t in grid.trials] == [t.id for t in plain.trials]
    assert [(p.trial, p.label) for p in grid.points[::2]] == [(p.trial, p.label) for p in plain.points]
    assert [point.cam for point in grid.points] == ["native", "grad_cam_plus_plus"] * len(plain.points)
    rows = list(dict.fromkeys(point.row for point in grid.points))
    assert rows[:3] == ["PYLON", "PYLON [Grad-CAM++]", "Baseline"]


def test_native_is_the_only_map_unless_others_are_named(tmp_path: Path) -> None:
    assert {point.cam for point in _grid(tmp_path).points} == {"native"}
    only = _grid(tmp_path, f"{GOOD}cams: [layer_cam]\n")
    assert {point.row for point in only.points} >= {"PYLON [Layer-CAM]", "UP1 [Layer-CAM]"}
    assert only.trials == _grid(tmp_path).trials


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("cam=native", {"PYLON", "Baseline", "UP1"}),
        ("model=UP1,cam=grad_cam_plus_plus", {"UP1 [Grad-CAM++]"}),
        ("model=UP1 [Grad-CAM++]", {"UP1 [Grad-CAM++]"}),
        ("model=UP1", {"UP1", "UP1 [Grad-CAM++]"}),
    ],
)
def test_maps_can_be_selected(tmp_path: Path, condition: str, rows: set[str]) -> None:
    assert {point.row for point in _grid(tmp_path, CAMS).select([condition]).points} == rows


def test_a_map_that_the_suite_has_not_is_named(tmp_path: Path) -> None:
    with pytest.raises(SuiteError) as caught:
        _grid(tmp_path, CAMS).select(["cam=grad_cam"])
    assert caught.value.allowed == ("native", "grad_cam_plus_plus")


def test_exclude_may_name_a_map(tmp_path: Path) -> None:
    grid = _grid(tmp_path, f"{CAMS}exclude: [{{model: UP1, cam: grad_cam_plus_plus}}]\n")
    assert "UP1 [Grad-CAM++]" not in {point.row for point in grid.points}
    assert grid.trials == _grid(tmp_path).trials


def test_a_label_that_is_another_models_row_is_refused(tmp_path: Path) -> None:
    text = CAMS.replace("label: UP1", 'label: "PYLON [Grad-CAM++]"')
    with pytest.raises(SuiteError) as caught:
        _grid(tmp_path, text)
    assert caught.value.value == "PYLON [Grad-CAM++]"


def test_files_of_the_grid_are_found_by_their_digest(tmp_path: Path) -> None:
    (tmp_path / "start.safetensors").write_bytes(b"weights")
    grid = _grid(tmp_path, f"{GOOD}weights: start.safetensors\n")
    (digest,) = {trial.weights for trial in grid.trials}
    assert digest.startswith("sha256:")
    assert grid.files[digest] == (tmp_path / "start.safetensors").resolve()
    assert grid.select(["model=UP1"]).files == grid.files


@pytest.mark.parametrize("name", ["nih", "vindr"])
def test_unreadable_split_lists_are_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.txt").write_text("x.png\n")
    split = f"[{{name: {name}, split: {{train: a.txt, val: gone.txt, test: a.txt}}}}]"
    with pytest.raises(SuiteError, match=r"val: .*gone\.txt"):
        _grid(tmp_path, GOOD.replace("[phantom, nih]", split))


@settings(max_examples=80)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 8)), min_size=1, max_size=6))
def test_seeds_are_parsed_as_an_independent_reader_does(ranges: list[tuple[int, int]]) -> None:
    text = ",".join(str(first) if not more else f"{first}-{first + more}" for first, more in ranges)
    assert parse_seeds(text) == _reference_seeds(text)


def _reference_seeds(text: str) -> tuple[int, ...]:
    found = []
    for part in text.split(","):
        ends = [int(end) for end in part.split("-")]
        found += [seed for seed in range(100) if ends[0] <= seed <= ends[-1]]
    return tuple(sorted(dict.fromkeys(found)))


@settings(max_examples=150)
@given(st.text("0123456789,- a²", max_size=5))
def test_any_other_seeds_are_a_suite_error(text: str) -> None:
    try:
        seeds = parse_seeds(text)
    except SuiteError as error:
        seeds, refused = (), error.value
    else:
        refused = text
    assert refused == text
    assert list(seeds) == sorted(set(seeds))
    assert all(seed >= 0 for seed in seeds)


SOURCE = """\
models: [baseline, pylon, {name: pylon, up_layers: 1}]
datasets: [phantom]
resolutions: [64]
seeds: [0, 1]
encoder: resnet18
weights: none
"""

TRANSFER = """\
models:
  - {name: pylon, init: {from: source, model: PYLON}}
  - {name: pylon, init: {from: source, model: PYLON}, phases: [{freeze: encoder}, {}]}
datasets: [{name: phantom, seed: 5}]
resolutions: [64]
seeds: [0, 1]
encoder: resnet18
"""


def _transfer(folder: Path, text: str = TRANSFER, source: str = SOURCE) -> Grid:
    (folder / "source.yaml").write_text(source)
    return _grid(folder, text)


def test_trials_can_start_from_those_of_another_suite_with_the_same_seed(tmp_path: Path) -> None:
    fine_tuned, two_phase = _transfer(tmp_path).points[::2]
    assert (fine_tuned.label, two_phase.label) == ("PYLON (fine-tuned)", "PYLON (two-phase)")
    source = next(t for t in load_suite(tmp_path / "source.yaml").grid.trials if t.label == "PYLON")
    assert fine_tuned.trial.init == source
    assert fine_tuned.trial.weights == "none"
    assert [t.phase.freeze for t in two_phase.trial.ancestors()] == ["none", "encoder"]
    assert two_phase.trial.ancestors()[0] == source
    assert two_phase.trial.phase.freeze == "none"


def test_trials_that_others_start_from_are_required_in_their_order(tmp_path: Path) -> None:
    grid = _transfer(tmp_path)
    assert [(t.phase.freeze, t.seed) for t in grid.required] == [
        ("none", 0), ("none", 1), ("encoder", 0), ("encoder", 1)
    ]  # fmt: skip
    both = _transfer(tmp_path, SOURCE.replace("models: [", "models: [{name: baseline, phases: [{}, {}]}, "))
    assert [t.phase for t in both.required] == []  # its first phase is the suite's own Baseline


def test_where_a_trial_starts_from_is_part_of_its_identity(tmp_path: Path) -> None:
    first = {t.id for t in _transfer(tmp_path).trials}
    second = {t.id for t in _transfer(tmp_path, source=SOURCE + "recipe: {max_epochs: 7}\n").trials}
    assert len(first) == len(second) == 4
    assert not first & second


ROWS = ("Baseline", "PYLON", "PYLON (UP1)")
SHIPPED = tuple(suites_in(shipped_suites()))


@pytest.mark.parametrize(
    ("change", "value", "allowed"),
    [
        (("model: PYLON}}", "model: PILON}}"), "PILON", ROWS),
        (("model: PYLON}}", "model: pylon}}"), "pylon", ROWS[1:]),
        (("seeds: [0, 1]", "seeds: [2]"), "PYLON", ()),
        (("resolutions: [64]", "resolutions: [96]"), "PYLON", ()),
        (("encoder: resnet18", "encoder: resnet34"), "resnet34", ("resnet18",)),
        (("from: source, model: PYLON}}", "from: sauce, model: PYLON}}"), "sauce", ("source", *SHIPPED)),
        (("from: source, model: PYLON}}", "from: good, model: PYLON}}"), "good", ()),
    ],
)
def test_starting_points_that_are_not_there_are_refused(tmp_path: Path, change, value, allowed) -> None:
    assert change[0] in TRANSFER
    with pytest.raises(SuiteError) as caught:
        _transfer(tmp_path, TRANSFER.replace(*change))
    assert str(caught.value.place).startswith(f"{tmp_path / 'good.yaml'}:2:")
    assert (caught.value.value, caught.value.allowed) == (value, allowed)


def test_a_mistake_in_the_suite_to_start_from_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(SuiteError) as caught:
        _transfer(tmp_path, source=SOURCE + "tilte: x\n")
    assert caught.value.place == f"{tmp_path / 'good.yaml'}:2:26"
    assert f"{tmp_path / 'source.yaml'}:7:1: " in str(caught.value)


def test_labels_with_a_minus_can_be_typed_with_a_hyphen(tmp_path: Path) -> None:
    text = GOOD.replace("baseline,", "{name: pan, gap_in_fpa: false, gap_in_gau: false}, pan,")
    grid = _grid(tmp_path, text)
    labels = {point.label for point in grid.select(["model=PAN - all GAP"]).points}
    assert labels == {"PAN − all GAP"}
    excluded = _grid(tmp_path, text + "exclude: [{model: PAN - all GAP}]\n")
    assert {point.label for point in grid.points} - {point.label for point in excluded.points} == labels

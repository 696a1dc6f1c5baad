"""Loading of suites, their defaults, and overrides from the command line."""

from pathlib import Path

import pytest

from bench.errors import SuiteError
from bench.suite.dataset_specs import NihSpec, PhantomSpec, VindrSpec
from bench.suite.load import LoadedSuite, load_dataset_spec, load_suite
from bench.suite.schema import Augmentation, Recipe

GOOD = """\
models: [pylon, baseline]
datasets: [phantom]
resolutions: [64]
seeds: [0, 1]
"""


def _load(folder: Path, text: str = GOOD, *overrides: str) -> LoadedSuite:
    path = folder / "good.yaml"
    path.write_text(text, encoding="utf-8")
    return load_suite(path, overrides)


def test_defaults_are_the_thesis_recipe(tmp_path: Path) -> None:
    recipe = _load(tmp_path).suite.recipe
    assert recipe.batch_size == 64
    assert recipe.learning_rate == 1e-4
    assert recipe.max_epochs == 40
    assert recipe.evaluate_every == 1
    assert recipe.plateau_factor == pytest.approx(1 / 5)
    assert recipe.plateau_patience == 1
    assert recipe.plateau_threshold == 1e-4
    assert recipe.max_reductions == 3
    assert recipe.mean == 0.4984
    assert recipe.std == 0.2483
    assert recipe.precision == "auto"
    assert recipe.num_threads == 1
    assert recipe.channels_last is True
    assert recipe.accumulate == 1
    assert recipe.compile is False
    assert recipe.limit_batches is None
    assert set(Recipe.model_fields) == {
        *("batch_size", "learning_rate", "max_epochs", "evaluate_every", "plateau_factor"),
        *("plateau_patience", "plateau_threshold", "max_reductions", "mean", "std", "augmentation"),
        *("precision", "num_threads", "channels_last", "accumulate", "compile", "limit_batches"),
    }


def test_default_augmentation_is_the_thesis_one(tmp_path: Path) -> None:
    augmentation = _load(tmp_path).suite.recipe.augmentation
    assert augmentation.rotation_degrees == 90
    assert augmentation.rotation_probability == 0.5
    assert augmentation.crop_area_min == 0.7
    assert augmentation.crop_aspect_max == pytest.approx(4 / 3)
    assert augmentation.flip_probability == 0.5
    assert augmentation.brightness == 0.5
    assert augmentation.contrast == 0.5
    assert augmentation.photometric_probability == 0.5
    assert len(Augmentation.model_fields) == 8


def test_default_suite_is_resnet50_from_imagenet_weights(tmp_path: Path) -> None:
    loaded = _load(tmp_path)
    assert {trial.encoder for trial in loaded.grid.trials} == {"resnet50"}
    assert {trial.weights for trial in loaded.grid.trials} == {"imagenet"}
    assert loaded.suite.title is None
    assert loaded.suite.exclude == ()
    assert loaded.suite.resources.cpu is None
    assert loaded.suite.resources.gpu is None


def test_default_data_sets(tmp_path: Path) -> None:
    loaded = _load(tmp_path, GOOD.replace("[phantom]", "[phantom, nih, vindr]"))
    phantom, nih, vindr = loaded.suite.datasets
    assert phantom == PhantomSpec(name="phantom", train=2000, val=200, test=400, seed=0, oversize=1.0)
    assert nih == NihSpec(name="nih", split="official", split_seed=0, oversize=1.25)
    assert vindr == VindrSpec(name="vindr", split="random", split_seed=0, oversize=1.25)


@pytest.mark.parametrize("name", ["nih", "vindr"])
def test_a_split_seed_beside_split_lists_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.txt").write_text("x\n")
    dataset = f"{{name: {name}, split: {{train: a.txt, val: a.txt, test: a.txt}}, split_seed: 1}}"
    text = GOOD.replace("phantom", dataset)
    with pytest.raises(SuiteError) as caught:
        _load(tmp_path, text)
    column = text.splitlines()[1].index("split_seed") + 1
    assert caught.value.place == f"{tmp_path / 'good.yaml'}:2:{column}"


def test_the_name_is_the_files_stem_unless_given(tmp_path: Path) -> None:
    assert _load(tmp_path).suite.name == "good"
    assert _load(tmp_path, f"name: other.1-b\n{GOOD}").suite.name == "other.1-b"


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "good.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load_suite(path).grid.trials == _load(tmp_path).grid.trials


def test_words_such_as_no_stay_text(tmp_path: Path) -> None:
    assert _load(tmp_path, GOOD + "title: no\n").suite.title == "no"


def test_whole_numbers_are_accepted_where_a_number_is_wanted(tmp_path: Path) -> None:
    recipe = _load(tmp_path, GOOD + "recipe: {learning_rate: 1}\n").suite.recipe
    assert recipe.learning_rate == 1.0
    assert isinstance(recipe.learning_rate, float)


def test_a_suite_cannot_be_changed(tmp_path: Path) -> None:
    suite = _load(tmp_path).suite
    with pytest.raises(ValueError, match="frozen"):
        suite.name = "other"


def test_model_options_may_stand_beside_the_name_or_under_options(tmp_path: Path) -> None:
    beside = _load(tmp_path, GOOD.replace("pylon,", "{name: pylon, up_layers: 1, pyramid: false},"))
    under = _load(tmp_path, GOOD.replace("pylon,", "{name: pylon, options: {up_layers: 1, pyramid: false}},"))
    assert beside.grid.trials == under.grid.trials
    assert beside.suite.models[0].options == {"up_layers": 1, "pyramid": False}


@pytest.mark.parametrize("value", ["1.0", "true", "'1'"])
def test_a_model_option_has_to_have_the_type_of_its_choices(tmp_path: Path, value: str) -> None:
    with pytest.raises(SuiteError) as caught:
        _load(tmp_path, GOOD.replace("pylon,", f"{{name: pylon, up_layers: {value}}},"))
    assert caught.value.place == f"{tmp_path / 'good.yaml'}:1:24"
    assert caught.value.allowed == ("1", "2")


def test_models_own_encoder_and_weights_go_before_the_suites(tmp_path: Path) -> None:
    text = GOOD.replace("pylon,", "{name: pylon, encoder: resnet18, weights: none},") + "encoder: resnet34\n"
    loaded = _load(tmp_path, text)
    assert {(t.model, t.encoder, t.weights) for t in loaded.grid.trials} == {
        ("pylon", "resnet18", "none"),
        ("baseline", "resnet34", "imagenet"),
    }


@pytest.mark.parametrize(
    ("override", "read", "expected"),
    [
        ("recipe.batch_size=8", lambda s: s.recipe.batch_size, 8),
        ("recipe.learning_rate=3e-4", lambda s: s.recipe.learning_rate, 3e-4),
        ("recipe.augmentation.flip_probability=0", lambda s: s.recipe.augmentation.flip_probability, 0.0),
        ("recipe={max_epochs: 2}", lambda s: s.recipe.max_epochs, 2),
        ("seeds=[4, 5, 6]", lambda s: s.seeds, (4, 5, 6)),
        ("seeds.1=9", lambda s: s.seeds, (0, 9)),
        ("models.1.pooling=average", lambda s: s.models[1].options, {"pooling": "average"}),
        ("models.0=baseline", lambda s: s.models[0].name, "baseline"),
        ("datasets.0.train=50", lambda s: s.datasets[0].train, 50),
        ("title=no", lambda s: s.title, "no"),
        ("title=a=b", lambda s: s.title, "a=b"),
        ("encoder=resnet18", lambda s: s.encoder, "resnet18"),
        ("name=other", lambda s: s.name, "other"),
    ],
)
def test_overrides_change_what_they_name(tmp_path: Path, override: str, read, expected: object) -> None:
    text = GOOD if override != "models.0=baseline" else GOOD.replace(", baseline", "")
    assert read(_load(tmp_path, text, override).suite) == expected


def test_a_later_override_wins(tmp_path: Path) -> None:
    loaded = _load(tmp_path, GOOD, "recipe.batch_size=8", "recipe.batch_size=16")
    assert loaded.suite.recipe.batch_size == 16


def test_an_override_equals_the_same_words_in_the_file(tmp_path: Path) -> None:
    by_file = _load(tmp_path, GOOD + "recipe: {batch_size: 8}\n").grid.trials
    assert _load(tmp_path, GOOD, "recipe.batch_size=8").grid.trials == by_file


@pytest.mark.parametrize(
    ("override", "value", "allowed"),
    [
        ("recipe.batch_size", "recipe.batch_size", None),
        ("=3", "=3", None),
        ("", "", None),
        ("recipe.batchsize=8", "batchsize", "batch_size"),
        ("recipe.batch_size=many", "many", None),
        ("recipe.batch_size=", None, None),
        ("recipe.batch_size.x=3", {"x": 3}, None),
        ("recipe.precision=float8", "float8", "float32"),
        ("recipes.batch_size=3", "recipes", "recipe"),
        ("models.7.name=pylon", 7, None),
        ("models.2=pylon", 2, None),
        ("models.x=pylon", "x", None),
        ("models.0.name=pylom", "pylom", "pylon"),
        ("models.0.up_layers=3", 3, "1"),
        ("seeds.0.x=1", "x", None),
        ("seeds=[0, 0]", 0, None),
        ("seeds=[0", None, None),
        ("datasets.0.name=nihh", "nihh", "nih"),
        ("..=3", "", "recipe"),
    ],
)
def test_bad_overrides_are_named_in_one_line(tmp_path: Path, override: str, value, allowed) -> None:
    with pytest.raises(SuiteError) as caught:
        _load(tmp_path, GOOD, override)
    error = caught.value
    assert error.place is not None
    assert error.place.startswith("--set ")
    assert error.value == value
    assert (allowed in error.allowed) if allowed else not error.allowed
    assert "\n" not in str(error)


def test_a_data_set_alone_is_read_as_a_suite_has_it(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "labels.csv").write_text("image,Mass\n")
    spec, files = load_dataset_spec("folder", ["images=.", "labels=labels.csv", "split=patient"])
    assert (spec.name, spec.split) == ("folder", "patient")
    assert set(files.values()) == {tmp_path, tmp_path / "labels.csv"}


@pytest.mark.parametrize(
    ("name", "override", "place", "value"),
    [
        ("nihh", "split=patient", None, "nihh"),
        ("nih", "split=oficial", "--set split", "oficial"),
        ("nih", "splt=patient", "--set splt", "splt"),
        ("folder", "labels=none.csv", "folder", None),  # images are missing
    ],
)
def test_what_is_wrong_with_a_data_set_alone_has_its_facts(name: str, override: str, place, value) -> None:
    with pytest.raises(SuiteError) as caught:
        load_dataset_spec(name, [override])
    assert (caught.value.place, caught.value.value) == (place, value)

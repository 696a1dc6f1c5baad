"""Which trial is which: what changes an id, what does not, and the ids that may never change."""

import hashlib
import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.suite.dataset_specs import NihSpec, PhantomSpec, SplitLists, VindrSpec
from bench.suite.identity import canonical_json, file_digest, short_hash, sources_digest
from bench.suite.load import load_suite
from bench.suite.schema import Augmentation, Recipe
from bench.suite.trial import Trial

GOLDEN = Path(__file__).parents[1] / "golden"
GOLDEN_TRIALS: dict[str, dict[str, Any]] = json.loads((GOLDEN / "trial_ids.json").read_text(encoding="utf-8"))
BASE: dict[str, Any] = {
    "models": ["pylon"],
    "datasets": ["phantom"],
    "resolutions": [64],
    "seeds": [0],
    "recipe": {"batch_size": 8, "augmentation": {"brightness": 0.25}},
}
LISTS = {"train": "train.txt", "val": "val.txt", "test": "test.txt"}


def _id(folder: Path, **changes: Any) -> str:
    path = folder / "suite.yaml"
    path.write_text(yaml.safe_dump(BASE | changes, sort_keys=False), encoding="utf-8")
    (trial,) = load_suite(path).grid.trials
    return trial.id


def _write_lists(folder: Path, prefix: str = "", last: str = "c.png") -> dict[str, str]:
    names = {}
    for part, text in zip(LISTS, ("a.png\n", "b.png\n", f"{last}\n"), strict=True):
        names[part] = f"{prefix}{LISTS[part]}"
        (folder / names[part]).parent.mkdir(parents=True, exist_ok=True)
        (folder / names[part]).write_text(text)
    return names


@pytest.mark.parametrize("name", GOLDEN_TRIALS)
def test_golden_trials_keep_their_ids(name: str) -> None:
    golden = GOLDEN_TRIALS[name]
    assert Trial.model_validate_json(json.dumps(golden["trial"])).id == golden["id"]


@pytest.mark.parametrize("name", GOLDEN_TRIALS)
def test_ids_are_a_readable_prefix_and_a_hash_of_what_is_not_default(name: str) -> None:
    golden = GOLDEN_TRIALS[name]
    assert golden["id"] == _reference_id(golden["identity"])


def _reference_id(identity: dict[str, Any]) -> str:
    """The id by hand: SHA-256 of the canonical JSON of the identity that the golden file spells out."""
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode("ascii")).hexdigest()[:10]
    dataset, seed = identity["dataset"]["name"], identity["seed"]
    return f"{identity['model']}-{dataset}-{identity['resolution']}px-s{seed}-{digest}"


def test_golden_default_recipe() -> None:
    golden = json.loads((GOLDEN / "default_recipe.json").read_text(encoding="utf-8"))
    assert Recipe().model_dump(mode="json") == golden


def test_order_of_keys_does_not_change_an_id(tmp_path: Path) -> None:
    expected = _id(tmp_path)
    for keys in itertools.islice(itertools.permutations(BASE), 0, None, 17):
        path = tmp_path / "shuffled.yaml"
        path.write_text(yaml.safe_dump({key: BASE[key] for key in keys}, sort_keys=False))
        assert load_suite(path).grid.trials[0].id == expected


def test_defaults_written_out_do_not_change_an_id(tmp_path: Path) -> None:
    recipe = Recipe().model_dump(mode="json") | {"batch_size": 8}
    recipe["augmentation"] = Augmentation().model_dump(mode="json") | {"brightness": 0.25}
    model = {"name": "pylon", "pyramid": True, "up_layers": 2, "up_kernel": 1, "head_kernel": 1}
    spelled_out = _id(
        tmp_path,
        models=[model],
        datasets=[PhantomSpec().model_dump(mode="json")],
        recipe=recipe,
        encoder="resnet50",
        weights="imagenet",
    )
    assert spelled_out == _id(tmp_path)


def test_whole_and_decimal_numbers_are_the_same(tmp_path: Path) -> None:
    as_float = _id(tmp_path, recipe={"learning_rate": 1.0}, datasets=[{"name": "phantom", "oversize": 2.0}])
    as_int = _id(tmp_path, recipe={"learning_rate": 1}, datasets=[{"name": "phantom", "oversize": 2}])
    assert as_float == as_int


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "another"},
        {"title": "Another title"},
        {"models": [{"name": "pylon", "label": "Ours"}]},
        {"resources": {"cpu": 2, "gpu": 0}},
        {"models": [{"name": "pylon", "encoder": "resnet50", "weights": "imagenet"}]},
        {"seeds": [0, 1], "exclude": [{"seed": 1}]},
    ],
    ids="-".join,
)
def test_what_moves_no_number_does_not_change_an_id(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert _id(tmp_path, **changes) == _id(tmp_path)


def test_a_file_counts_by_its_content_and_not_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "one.pth").write_bytes(b"same")
    (tmp_path / "deep/other.safetensors").write_bytes(b"same")
    (tmp_path / "third.pth").write_bytes(b"different")
    one, other, third, absolute = (
        _id(tmp_path, weights=name)
        for name in ("one.pth", "deep/other.safetensors", "third.pth", str(tmp_path / "one.pth"))
    )
    assert one == other == absolute
    assert third != one


@pytest.mark.parametrize("name", ["nih", "vindr"])
def test_split_lists_count_by_their_content_and_not_by_their_paths(tmp_path: Path, name: str) -> None:
    first, second, third = (
        _id(tmp_path, datasets=[{"name": name, "split": lists}])
        for lists in (
            _write_lists(tmp_path),
            _write_lists(tmp_path, "moved/x_"),
            _write_lists(tmp_path, "changed/", last="d.png"),
        )
    )
    assert first == second
    assert third != first


def test_swapping_two_split_lists_changes_the_id(tmp_path: Path) -> None:
    lists = _write_lists(tmp_path)
    swapped = lists | {"train": lists["val"], "val": lists["train"]}
    ids = {_id(tmp_path, datasets=[{"name": "nih", "split": split}]) for split in (lists, swapped)}
    assert len(ids) == 2


OTHER_RECIPE = {
    "batch_size": 63,
    "learning_rate": 2e-4,
    "max_epochs": 41,
    "evaluate_every": 2,
    "plateau_factor": 0.1,
    "plateau_patience": 2,
    "plateau_threshold": 1e-3,
    "max_reductions": 2,
    "mean": 0.5,
    "std": 0.25,
    "augmentation": {"flip_probability": 0.25},
    "precision": "float32",
    "num_threads": 2,
    "channels_last": False,
    "accumulate": 2,
    "compile": True,
    "limit_batches": 2,
}
OTHER_AUGMENTATION = {
    "rotation_degrees": 45,
    "rotation_probability": 0.4,
    "crop_area_min": 0.8,
    "crop_aspect_max": 1.5,
    "flip_probability": 0.4,
    "brightness": 0.4,
    "contrast": 0.4,
    "photometric_probability": 0.4,
}
OTHER_PHANTOM = {"findings": "nih", "train": 1999, "val": 199, "test": 399, "seed": 1, "oversize": 1.5}
OTHER_NIH = {"split": "patient", "split_seed": 1, "oversize": 1.5}
OTHER_VINDR = {"split": LISTS, "split_seed": 1, "oversize": 1.5}
OTHER_PYLON = {"pyramid": False, "up_layers": 1, "up_kernel": 3, "head_kernel": 3}


def test_the_lists_of_other_values_cover_every_field() -> None:
    assert set(OTHER_RECIPE) == set(Recipe.model_fields)
    assert set(OTHER_AUGMENTATION) == set(Augmentation.model_fields)
    assert set(OTHER_PHANTOM) == set(PhantomSpec.model_fields) - {"name"}
    assert set(OTHER_NIH) == set(NihSpec.model_fields) - {"name"}
    assert set(OTHER_VINDR) == set(VindrSpec.model_fields) - {"name"}
    assert set(SplitLists.model_fields) == set(LISTS)


def _changes() -> list[Any]:
    found = [("recipe", {"recipe": {}})]
    found += [(f"recipe.{key}", {"recipe": {key: value}}) for key, value in OTHER_RECIPE.items()]
    found += [
        (f"augmentation.{key}", {"recipe": {"augmentation": {key: value}}})
        for key, value in OTHER_AUGMENTATION.items()
    ]
    for name, others in (("phantom", OTHER_PHANTOM), ("nih", OTHER_NIH), ("vindr", OTHER_VINDR)):
        found += [
            (f"{name}.{key}", {"recipe": {}, "datasets": [{"name": name, key: value}]})
            for key, value in others.items()
        ]
    found += [
        (f"pylon.{key}", {"recipe": {}, "models": [{"name": "pylon", key: value}]})
        for key, value in OTHER_PYLON.items()
    ]
    found += [
        ("nih", {"recipe": {}, "datasets": ["nih"]}),
        ("vindr", {"recipe": {}, "datasets": ["vindr"]}),
        ("model", {"recipe": {}, "models": ["baseline"]}),
        ("pooling", {"recipe": {}, "models": [{"name": "baseline", "pooling": "average"}]}),
        ("encoder", {"recipe": {}, "encoder": "resnet18"}),
        ("weights", {"recipe": {}, "weights": "none"}),
        ("resolution", {"recipe": {}, "resolutions": [96]}),
        ("seed", {"recipe": {}, "seeds": [1]}),
    ]
    return [pytest.param(changes, id=name) for name, changes in found]


@pytest.mark.parametrize("changes", _changes()[1:])
def test_everything_that_can_move_a_number_changes_the_id(tmp_path: Path, changes: dict[str, Any]) -> None:
    def hash_of(**given: Any) -> str:
        return _id(tmp_path, **given).rsplit("-", 1)[1]

    _write_lists(tmp_path)
    assert hash_of(**changes) != hash_of(recipe={})
    (dataset,) = changes.get("datasets", ["phantom"])
    if isinstance(dataset, dict):
        assert hash_of(**changes) != hash_of(recipe={}, datasets=[dataset["name"]])


def test_no_two_of_these_changes_share_an_id(tmp_path: Path) -> None:
    _write_lists(tmp_path)
    ids = [_id(tmp_path, **parameter.values[0]) for parameter in _changes()]
    assert len(set(ids)) == len(ids)


def test_protocol_version_is_part_of_identity() -> None:
    trial = Trial.model_validate_json(json.dumps(next(iter(GOLDEN_TRIALS.values()))["trial"]))
    assert trial.model_copy(update={"protocol": trial.protocol + 1}).identity() != trial.identity()


def test_a_changed_copy_of_a_trial_has_an_id_of_its_own() -> None:
    trial = Trial.model_validate_json(json.dumps(next(iter(GOLDEN_TRIALS.values()))["trial"]))
    assert trial.id  # asked for before the copy is made
    changed = trial.model_copy(update={"seed": trial.seed + 1})
    assert changed.id != trial.id


def test_a_trial_keeps_its_id_through_json(tmp_path: Path) -> None:
    lists = _write_lists(tmp_path)
    path = tmp_path / "suite.yaml"
    path.write_text(yaml.safe_dump(BASE | {"datasets": ["phantom", {"name": "nih", "split": lists}]}))
    for trial in load_suite(path).grid.trials:
        again = Trial.model_validate_json(trial.model_dump_json())
        assert again == trial
        assert again.id == trial.id


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@settings(max_examples=80)
@given(st.dictionaries(st.text(max_size=5), _JSON, max_size=5), st.randoms(use_true_random=False))
def test_canonical_json_does_not_depend_on_the_order_of_keys(value: dict, random) -> None:
    keys = list(value)
    random.shuffle(keys)
    shuffled = {key: value[key] for key in keys}
    assert canonical_json(shuffled) == canonical_json(value)
    assert json.loads(canonical_json(value)) == value
    assert canonical_json(value).isascii()


@settings(max_examples=60)
@given(
    st.sampled_from(["pylon", "baseline"]),
    st.integers(2, 128).map(lambda n: 32 * n),
    st.integers(0, 2**31 - 1),
    st.floats(1e-6, 1),
)
def test_ids_are_folder_names_that_begin_with_what_people_look_for(
    model: str, resolution: int, seed: int, rate: float
) -> None:
    trial = Trial(
        model=model,
        encoder="resnet18",
        weights="none",
        dataset=PhantomSpec(),
        resolution=resolution,
        seed=seed,
        recipe=Recipe(learning_rate=rate),
    )
    assert re.fullmatch(rf"{model}-phantom-{resolution}px-s{seed}-[0-9a-f]{{10}}", trial.id)


def test_not_a_number_has_no_identity() -> None:
    with pytest.raises(ValueError, match="JSON"):
        short_hash({"a": float("nan")})


def test_file_digest_is_the_sha256_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    # The digest of nothing, from FIPS 180-4's examples.
    expected = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert file_digest(tmp_path / "empty") == expected
    with pytest.raises(FileNotFoundError):
        file_digest(tmp_path / "absent")


def test_a_changed_copy_has_an_id_of_its_own():
    trial = Trial(
        model="baseline", encoder="resnet18", weights="none", dataset=PhantomSpec(), resolution=64, seed=0
    )
    assert trial.id == trial.model_copy().id
    changed = trial.model_copy(update={"seed": 1})
    assert changed.id == Trial.model_validate_json(changed.model_dump_json()).id
    assert changed.id != trial.id


def test_sources_are_equal_by_path_and_content_wherever_they_lie(tmp_path):
    def write(where: str, files: dict[str, str]) -> str:
        for path, text in files.items():
            (tmp_path / where / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / where / path).write_text(text)
        return sources_digest(tmp_path / where)

    known = write("a", {"one.py": "1", "below/two.py": "2"})
    assert write("b", {"one.py": "1", "below/two.py": "2", "below/data.csv": "3"}) == known
    assert write("c", {"one.py": "1", "below/two.py": "3"}) != known
    assert write("d", {"one.py": "1", "two.py": "2"}) != known

"""The cache of models' sizes: kept between calls, void when anything changed, never in the way."""

import json
import shutil
from pathlib import Path

import pytest

import bench
from bench.results import model_sizes
from bench.results.model_sizes import ModelSize, SizeCache, Unusable, default_path, made_by, size_key

SIZE = ModelSize(25_478_741, {256: 64, 512: 128}, 6.3, 128, 0.2)
KEY = size_key("pylon", {}, "resnet50")


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "cache" / "sizes.json"


@pytest.mark.parametrize("size", [SIZE, Unusable("it cannot be dilated")])
def test_what_is_kept_is_known_to_the_next_call(path, size):
    SizeCache(path)[KEY] = size
    assert KEY in SizeCache(path)
    assert SizeCache(path)[KEY] == size


def test_everything_that_is_measured_is_in_the_key():
    keys = [
        KEY,
        size_key("pan", {}, "resnet50"),
        size_key("pylon", {"up_layers": 1}, "resnet50"),
        size_key("pylon", {}, "resnet18"),
    ]
    assert len(set(keys)) == len(keys)


def test_order_of_options_does_not_matter():
    one, other = {"up_layers": 1, "up_kernel": 3}, {"up_kernel": 3, "up_layers": 1}
    assert size_key("pylon", one, "resnet50") == size_key("pylon", other, "resnet50")


def test_sizes_made_by_other_code_or_libraries_are_dropped(path, monkeypatch):
    SizeCache(path)[KEY] = SIZE
    for part in made_by():
        with monkeypatch.context() as patch:
            changed = made_by() | {part: "other"}
            patch.setattr(model_sizes, "made_by", lambda changed=changed: changed)
            assert KEY not in SizeCache(path)
    assert KEY in SizeCache(path)


def test_changed_line_in_a_model_changes_what_sizes_are_made_by(tmp_path, monkeypatch):
    copy = tmp_path / "bench"
    shutil.copytree(
        Path(bench.__file__).parent / "models", copy / "models", ignore=shutil.ignore_patterns("__pycache__")
    )
    monkeypatch.setattr(model_sizes.resources, "files", lambda package: copy)
    assert made_by.__wrapped__() == made_by()
    with (copy / "models" / "pan.py").open("a") as stream:
        stream.write("# changed\n")
    assert made_by.__wrapped__() != made_by()


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "[]",
        lambda text: text.replace("128", '"wide"'),
        lambda text: text.replace('"512"', '"1024"'),
        lambda text: text.replace('"parameters"', '"size"'),
        lambda text: json.dumps(json.loads(text) | {"sizes": [1]}),
        lambda text: json.dumps(json.loads(text) | {"sizes": {KEY: None}}),
    ],
)
def test_damaged_file_is_an_empty_one_and_is_mended(path, damage):
    SizeCache(path)[KEY] = SIZE
    path.write_text(damage(path.read_text()))
    cache = SizeCache(path)
    assert KEY not in cache
    cache[KEY] = SIZE
    assert SizeCache(path)[KEY] == SIZE


def test_where_nothing_can_be_written_sizes_are_known_for_now(tmp_path):
    (tmp_path / "file").write_text("")
    cache = SizeCache(tmp_path / "file" / "sizes.json")
    cache[KEY] = SIZE
    assert cache[KEY] == SIZE


def test_file_is_in_the_user_s_cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_path() == tmp_path / "xdg" / "cam-bench" / "model_sizes.json"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_path() == tmp_path / ".cache" / "cam-bench" / "model_sizes.json"

"""Code from outside of bench: what a suite may name, which trial is which, and what is told of mistakes."""

import json
import textwrap

import pytest
from trials import suite_text

from bench.errors import PluginError, SuiteError, account
from bench.suite.catalog import MODELS, _declared, display_name, model_options
from bench.suite.dataset_specs import UnknownSpec, title_of
from bench.suite.load import load_suite
from bench.suite.plugin_source import source_digest, source_files
from bench.suite.plugins import Declarations, imported, mistake
from bench.suite.trial import Trial

NET = """\
class Net:
    def __init__(self, encoder, num_classes, *, width: int = 64) -> None:
        pass
"""


@pytest.fixture
def write(tmp_path, monkeypatch, request):
    """Writes a module of a package that is on the path and of no other test's name; returns its full name."""
    package = "plugin_" + "".join(c if c.isalnum() else "_" for c in request.node.name)
    folder = tmp_path / package
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(name: str, text: str) -> str:
        (folder / f"{name}.py").write_text(textwrap.dedent(text), "utf-8")
        return f"{package}.{name}"

    return write


@pytest.fixture
def load(tmp_path):
    def load(model: str):
        path = tmp_path / "suite.yaml"
        path.write_text(suite_text(f"[{model}]"), "utf-8")
        return load_suite(path).grid

    return load


def test_a_class_is_a_row_with_its_options_and_is_not_imported(write, load):
    module = write("nets", NET + "raise RuntimeError('imported')\n")
    grid = load(f'"{module}:Net", {{name: "{module}:Net", width: 8}}')
    assert [point.label for point in grid.points] == ["Net", "Net (width=8)"]
    first, second = grid.trials
    assert first.source == second.source == source_digest(module)
    assert first.id.startswith(f"{module}.Net-phantom-64px-s0-")
    assert first.id != second.id


def test_an_option_of_default_value_is_the_same_trial(write, load):
    module = write("nets", NET)
    (bare,), (given,) = (
        load(text).trials for text in (f'"{module}:Net"', f'{{name: "{module}:Net", width: 64}}')
    )
    assert bare.id == given.id


def test_a_trial_of_a_plugin_that_is_gone_keeps_id_and_name(write, load):
    module = write("nets", NET)
    (trial,) = load(f'{{name: "{module}:Net", width: 8}}').trials
    gone = trial.model_copy(update={"model": "gone_package.nets:Net"})
    assert gone.label == "gone_package.nets:Net"
    assert gone.id.startswith("gone_package.nets.Net-")


def test_the_digest_is_of_the_module_and_what_it_imports_of_its_package(write):
    blocks = write("blocks", "SIZE = 1\n")
    write("unrelated", "SIZE = 1\n")
    nets = write("nets", "import os\nfrom .blocks import SIZE\n" + NET)
    assert list(source_files(nets)) == [nets, blocks]
    before = source_digest(nets)
    write("unrelated", "SIZE = 2\n")
    assert source_digest(nets) == before
    write("blocks", "SIZE = 2\n")
    assert source_digest(nets) != before


@pytest.mark.parametrize(
    ("text", "at_line"),
    [
        ("class Net:\n    pass\n", 1),
        ("class Net:\n    def __init__(self, num_classes): ...\n", 2),
        ("class Net:\n    def __init__(self, encoder, num_classes, *, width=3): ...\n", 2),
        ("class Net:\n    def __init__(self, encoder, num_classes, *, width: int): ...\n", 2),
        ("class Net:\n    def __init__(self, encoder, num_classes, *, width: Size = 3): ...\n", 2),
        ("class Net:\n    def __init__(self, encoder, num_classes, *, width: int = SIZE): ...\n", 2),
        ("class Net(:\n", 1),
    ],
)
def test_a_source_that_cannot_be_read_is_told_with_its_line(write, load, text, at_line):
    module = write("nets", text)
    with pytest.raises(SuiteError, match=rf"nets\.py:{at_line}: "):
        load(f'"{module}:Net"')


@pytest.mark.parametrize(
    "name", ["absent_package.nets:Net", "os.nets:Net", "a b:Net", "json:nothing", "json:dumps"]
)
def test_a_name_that_leads_to_no_model_is_refused(load, name):
    with pytest.raises(SuiteError, match=f"model '{name}'"):
        load(f'"{name}"')


def test_an_unknown_option_of_a_plugin_is_told_with_those_it_has(write, load):
    module = write("nets", NET)
    with pytest.raises(SuiteError, match="did you mean 'width'"):
        load(f'{{name: "{module}:Net", widht: 8}}')


def test_a_declaration_gives_label_and_variants(write):
    nets = write("nets", NET)
    module = write(
        "declared",
        f"""\
        from bench.suite.catalog import ModelEntry, Variant
        NET = ModelEntry("{nets}:Net", "My net", variants=(Variant("My net (narrow)", {{"width": 8}}),))
        """,
    )
    assert display_name(f"{module}:NET", {}) == "My net"
    assert display_name(f"{module}:NET", {"width": 8}) == "My net (narrow)"
    assert list(model_options(f"{module}:NET")) == ["width"]


@pytest.mark.parametrize("raised", ["ValueError('no')", "SystemExit(3)", "ImportError('no torch')"])
def test_an_error_while_a_module_is_imported_is_a_sentence_with_its_line(write, raised):
    module = write("nets", f"def fail():\n    raise {raised}\n\nfail()\n")
    with pytest.raises(PluginError, match=r"nets\.py:2: \w+: ") as told:
        imported(f"{module}:Net")
    assert "Traceback" in account(told.value)
    assert account(told.value).splitlines()[-1] == str(told.value)


def test_a_module_that_changed_before_it_was_imported_is_refused(write, load):
    module = write("nets", NET)
    load(f'"{module}:Net"')
    write("nets", NET + "# changed\n")
    with pytest.raises(PluginError, match="has changed"):
        imported(f"{module}:Net")


def test_the_place_of_an_error_in_a_library_is_the_call_that_led_there(write):
    module = write("nets", "import json\n\ndef fail():\n    json.loads('{')\n")
    with pytest.raises(ValueError, match="Expecting") as raised:
        imported(f"{module}:fail")()
    assert "nets.py:4: JSONDecodeError" in str(mistake(raised.value, module))


def test_a_plugin_that_cannot_be_used_is_left_out_and_told_when_it_is_asked_for(write, monkeypatch, caplog):
    from importlib.metadata import EntryPoint

    module = write("nets", NET)
    targets = {"good": f"{module}:Net", "gone": "absent_package:Net", "pylon": f"{module}:Net"}
    points = {name: (EntryPoint(name, target, "bench.models"),) for name, target in targets.items()}
    points["double"] = (*points["good"], *points["gone"])
    monkeypatch.setattr("bench.suite.plugins.offered", lambda group: points)
    table = Declarations("bench.models", MODELS.own, _declared, takes_targets=True)
    assert set(table) - set(table.own) == {"good"}
    assert table["pylon"] is MODELS["pylon"]
    assert {record.args[1] for record in caplog.records} == {"gone", "pylon", "double"}
    for name in ("gone", "double"):
        assert name in table
        with pytest.raises(PluginError):
            table[name]


FILMS = """\
    from typing import ClassVar, Literal

    from bench.suite.dataset_specs import StoredSpec

    class Films(StoredSpec):
        reader: ClassVar = "{reader}:read"
        labelled: ClassVar = ("Mass",)
        split: Literal["random"] = "random"
        oversize: float = 1.0
        side: int = 3
    """


@pytest.fixture
def films(write):
    """The name of a data set whose reader is in another module, which cannot be imported."""
    reader = write("tables", "raise RuntimeError('imported')\n")
    return write("films", FILMS.format(reader=reader)) + ":Films"


@pytest.fixture
def load_data(tmp_path):
    def load(dataset: str):
        path = tmp_path / "suite.yaml"
        path.write_text(suite_text(datasets=f"[{dataset}]"), "utf-8")
        return load_suite(path).grid

    return load


def test_a_data_set_is_named_by_its_class_and_its_reader_is_not_imported(films, write, load_data):
    (trial,) = load_data(f'{{name: "{films}", side: 4, oversize: 1.25}}').trials
    assert trial.id.startswith(f"baseline-{films.replace(':', '.')}-64px-s0-")
    assert title_of(trial.dataset) == "Films"
    assert (trial.dataset.side, trial.dataset.split) == (4, "random")
    module = films.partition(":")[0]
    assert trial.dataset_source == source_digest(module, module.replace("films", "tables"))


def test_a_subject_on_it_knows_its_source_and_has_a_folder_on_any_system(films, load_data, tmp_path):
    (trained,) = load_data(f'"{films}"').trials
    (tmp_path / "w.pth").write_bytes(b"")
    entry = "{name: torchvision, train: false, architecture: resnet18, weights: w.pth, classes: [Mass]}"
    (tmp_path / "suite.yaml").write_text(suite_text(f"[{entry}]", datasets=f'["{films}"]'), "utf-8")
    (trial,) = load_suite(tmp_path / "suite.yaml").grid.trials
    assert trial.dataset_source == trained.dataset_source is not None
    assert ":" not in trial.id


def test_keys_of_default_value_are_the_same_trial_and_others_are_another(films, load_data):
    bare, given, other = (
        load_data(text).trials[0].id
        for text in (f'"{films}"', f'{{name: "{films}", side: 3}}', f'{{name: "{films}", side: 4}}')
    )
    assert bare == given != other


def test_a_record_of_a_data_set_that_is_gone_or_has_other_keys_now_keeps_its_id(films, load_data):
    (trial,) = load_data(f'{{name: "{films}", side: 4, oversize: 1.25}}').trials
    text = trial.model_dump_json()
    assert Trial.model_validate_json(text) == trial
    for old, new in (("films:Films", "gone:Films"), ('"side"', '"width"')):
        read = Trial.model_validate_json(text.replace(old, new))
        assert isinstance(read.dataset, UnknownSpec)
        assert Trial.model_validate_json(read.model_dump_json()) == read
    same = Trial.model_validate_json(text)
    unknown = UnknownSpec.model_validate(json.loads(text)["dataset"])
    assert same.model_copy(update={"dataset": unknown}).id == trial.id


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ("sied: 4", "unknown key 'sied'; allowed: .*side.*did you mean 'side'"),
        ("side: four", "side is .*whole number"),
        ("split: radnom", "split is .*allowed: random"),
    ],
)
def test_mistakes_in_keys_are_told_with_their_place(films, load_data, keys, told):
    with pytest.raises(SuiteError, match=rf"suite\.yaml:2:\d+: {told}"):
        load_data(f'{{name: "{films}", {keys}}}')


@pytest.mark.parametrize("name", ["absent_package.data:Films", "json:dumps", "json:nothing", "a b:Films"])
def test_a_name_that_leads_to_no_data_set_is_refused(load_data, name):
    with pytest.raises(SuiteError, match=f"data set '{name}'"):
        load_data(f'"{name}"')


def test_a_metric_is_taken_once_under_its_name(monkeypatch):
    monkeypatch.setattr("bench.suite.plugins.offered", lambda group: {})
    table = Declarations("bench.things", {"own": 1}, len, takes_targets=False)
    table.take("mine", "here:MINE")
    table.take("mine", "here:MINE")
    assert list(table.items()) == [("own", 1), ("mine", len("here:MINE"))]
    for name, target in (("mine", "there:MINE"), ("own", "here:OWN")):
        with pytest.raises(PluginError):
            table.take(name, target)

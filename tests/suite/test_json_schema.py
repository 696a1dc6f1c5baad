"""The JSON Schema agrees with what is loaded."""

from pathlib import Path

import jsonschema
import pytest

from bench.errors import SuiteError
from bench.suite.document import parse
from bench.suite.load import load_suite
from bench.suite.metrics import METRICS
from bench.suite.schema import Recipe, suite_schema

MINIMAL = "models: [pylon]\ndatasets: [phantom]\nresolutions: [64]\nseeds: [0]\n"
GOOD = {
    "minimal": MINIMAL,
    "named": f"name: abc\ntitle: A title\n{MINIMAL}",
    "both models by mapping": MINIMAL.replace("[pylon]", "[{name: pylon}, {name: baseline, pooling: max}]"),
    "every pylon option": MINIMAL.replace(
        "[pylon]", "[{name: pylon, pyramid: false, up_layers: 1, up_kernel: 3, head_kernel: 3, label: X}]"
    ),
    "options as a mapping": MINIMAL.replace("[pylon]", "[{name: pylon, options: {up_layers: 1}}]"),
    "own encoder and weights": MINIMAL.replace(
        "[pylon]", "[{name: pylon, encoder: resnet18, weights: none}]"
    ),
    "data sets": MINIMAL.replace("[phantom]", "[{name: phantom, train: 10, seed: 3}, nih, vindr]"),
    "patient split": MINIMAL.replace("[phantom]", "[{name: nih, split: patient, split_seed: 4}]"),
    "random split": MINIMAL.replace("[phantom]", "[{name: vindr, split: random, split_seed: 4}]"),
    "split lists of VinDr": MINIMAL.replace(
        "[phantom]", "[{name: vindr, split: {train: a, val: a, test: a}}]"
    ),
    "split lists": MINIMAL.replace("[phantom]", "[{name: nih, split: {train: a, val: a, test: a}}]"),
    "folder": MINIMAL.replace("[phantom]", "[{name: folder, images: images, labels: a}]"),
    "folder with all keys": MINIMAL.replace(
        "[phantom]",
        "[{name: folder, title: Ward-7, images: x, labels: a, boxes: a, box_format: corners, "
        "box_frame: 1024, split: patient, split_seed: 1, oversize: 1}]",
    ),
    "folder with frames of its images": MINIMAL.replace(
        "[phantom]",
        "[{name: folder, images: x, labels: a, boxes: a, box_frame: image, "
        "split: {train: a, val: a, test: a}}]",
    ),
    "recipe": MINIMAL + "recipe: {learning_rate: 3e-4, augmentation: {contrast: 0}, precision: float16}\n",
    "resources": MINIMAL + "resources: {cpu: 0.5, gpu: 0.25}\n",
    "maps": MINIMAL + "cams: [native, grad_cam, eigen_cam]\nexclude: [{cam: eigen_cam}]\n",
    "margins": MINIMAL + "margins: {auroc: 0.01}\n",
    "claims": MINIMAL.replace("[pylon]", "[pylon, baseline]").replace("[64]", "[64, 96]")
    + """\
claims:
  - {superior: PYLON, to: others, resolution: 64, group: 1, statement: A sentence}
  - {superior: PYLON, to: Baseline, resolution: 64, group: a, column: macro}
  - {superior: {model: pylon, resolution: 64}, to: [{model: Baseline, resolution: 96}], column: [macro, Mass]}
  - {equivalent: [PYLON, Baseline], resolution: 96, metric: auroc, margin: 0.01}
  - {less_variable: PYLON, than: Baseline, resolution: 96, metric: iobb_accuracy, cam: native}
  - {gains_with: {resolution: 96}, over: {resolution: 64}}
  - {gains_with: {resolution: 96}, over: {resolution: 64}, models: PYLON, dataset: phantom}
""",
    "exclude": MINIMAL.replace("[0]", "[0, 1]") + "exclude: [{seed: 1, dataset: phantom}]\n",
}


@pytest.mark.parametrize("name", GOOD)
def test_good_suites_load_and_pass_the_schema(name: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x.png\n")
    path = tmp_path / "good.yaml"
    path.write_text(GOOD[name])
    load_suite(path)
    jsonschema.validate(parse(GOOD[name], "good").data, suite_schema())


def test_suites_of_the_repository_load_and_pass_the_schema() -> None:
    paths = sorted((Path(__file__).parents[2] / "suites").glob("*.yaml"))
    assert paths
    for path in paths:
        load_suite(path)
        jsonschema.validate(parse(path.read_text(encoding="utf-8"), str(path)).data, suite_schema())


@pytest.mark.parametrize(
    "text",
    [
        MINIMAL.replace("[phantom]", "[{train: 10}]"),
        MINIMAL.replace("[phantom]", "[{oversize: 1.5}]"),
        MINIMAL.replace("[phantom]", "[folder]"),
        MINIMAL.replace("[phantom]", "[{name: folder, images: a}]"),
        MINIMAL.replace("[phantom]", "[{name: folder, title: a/b, images: a, labels: a}]"),
        MINIMAL.replace("[pylon]", "[{name: baseline, up_layers: 1}]"),
        MINIMAL.replace("[pylon]", "[{name: pylon, pooling: max}]"),
        MINIMAL.replace("[pylon]", "[{pyramid: true}]"),
        MINIMAL.replace("[pylon]", "[{name: pylon, pyramid: 1}]"),
        MINIMAL.replace("[64]", "[]"),
        MINIMAL.replace("[64]", "[4128]"),
        MINIMAL.replace("[0]", "[2147483648]"),
        MINIMAL + "recipe: {plateau_factor: 1}\n",
        MINIMAL + "resources: {cpus: 1}\n",
    ],
)
def test_schema_refuses_what_loading_refuses(text: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(SuiteError):
        load_suite(path)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(parse(text, "bad").data, suite_schema())


def test_the_schema_is_a_valid_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(suite_schema())


def test_every_recipe_field_is_in_the_schema_with_its_default() -> None:
    fields = suite_schema()["$defs"]["Recipe"]["properties"]
    assert set(fields) == set(Recipe.model_fields)
    assert all("default" in field for field in fields.values())
    assert fields["learning_rate"]["default"] == 1e-4
    assert fields["learning_rate"]["description"]


def test_every_declared_metric_can_be_claimed_and_has_its_margin():
    definitions = suite_schema()["$defs"]
    margins = {name: field["default"] for name, field in definitions["Margins"]["properties"].items()}
    assert margins == {name: metric.margin for name, metric in METRICS.items()}
    assert definitions["Superior"]["properties"]["metric"]["enum"] == list(METRICS)

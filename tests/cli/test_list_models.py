"""`bench list models`: what is shown, at both usual widths, and when torch is needed for it."""

import json
import subprocess
import sys

import pytest
import yaml

from bench.cli.data.models import Model, model_parts, written
from bench.cli.main import main
from bench.cli.render import show
from bench.results.model_sizes import ModelSize, SizeCache, Unusable, size_key
from bench.suite.catalog import MODELS, Variant, display_name, model_options, model_source

SIZE = ModelSize(25_478_741, {256: 256, 512: 512}, 16.3, 16, 0.4)


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def known_sizes():
    """A cache in which every model with ResNet-50 has the same, large, size."""
    cache = SizeCache()
    for name, entry in MODELS.items():
        for options in ({}, *(variant.options for variant in entry.variants)):
            cache[size_key(name, options, "resnet50")] = SIZE


@pytest.mark.parametrize("name", MODELS)
def test_every_model_of_the_catalog_has_a_source(name):
    assert model_source(name)


def test_source_is_the_paragraph_on_one_line():
    expected = 'Li et al. 2018, "Pyramid Attention Network"; thesis §5.2 and Table 6.1.'
    assert model_source("pan") == expected


@pytest.mark.slow
def test_second_listing_needs_no_torch_and_says_the_same(cache_folder):
    code = (
        "import sys; from bench.cli.main import main; code = main(['list', 'models', 'baseline']);"
        "print(code, 'torch' in sys.modules, file=sys.stderr)"
    )
    cold, warm = (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(2)
    )
    assert cold.stderr.splitlines()[-1] == "0 True"
    assert warm.stderr == "0 False\n"
    assert warm.stdout == cold.stdout
    assert "23,530,446  8/16   5.24" in warm.stdout
    assert [path.name for path in (cache_folder / "cam-bench").iterdir()] == ["model_sizes.json"]


def test_other_code_is_measured_again(known_sizes, cache_folder, capsys):
    path = cache_folder / "cam-bench" / "model_sizes.json"
    path.write_text(path.read_text().replace('"models": "', '"models": "0'))
    assert main(["list", "models", "baseline"]) == 0
    assert "23,530,446" in capsys.readouterr().out


def test_json_holds_every_model_and_variant(known_sizes, capsys):
    assert main(["list", "models", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["encoder"] == "resnet50"
    assert [model["name"] for model in shown["models"]] == list(MODELS)
    for model in shown["models"]:
        entry = MODELS[model["name"]]
        assert [option["name"] for option in model["options"]] == list(model_options(model["name"]))
        labels = [variant["label"] for variant in model["variants"]]
        assert labels == [entry.label, *(variant.label for variant in entry.variants)]
        assert model["variants"][0]["tables"] == list(entry.tables)
        assert all(variant["sides"] == {"256": 256, "512": 512} for variant in model["variants"])


@pytest.mark.parametrize("width", [80, 120])
def test_listing_fits_the_terminal(known_sizes, width, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(width))
    assert main(["list", "models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    for entry in MODELS.values():
        for label in (entry.label, *(variant.label for variant in entry.variants)):
            assert sum(line.startswith(f"  {label}  ") for line in lines) == 1
    tables = [line.index("GMACs  tables") for line in lines if "GMACs  tables" in line]
    assert len(tables) == len(MODELS)
    assert len(set(tables)) == 1


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (
            100,
            """\
  variant   parameters      map  GMACs  tables         in a suite
  FPN (BN)  25,478,741  256/512  16.30  5.1, 5.3–5.6   fpn
  FPN (GN)  25,478,741  256/512  16.30  Fig. 6.1, 8.1  {name: fpn, norm: group}
""",
        ),
        (
            60,
            """\
  variant   parameters      map  GMACs  tables
  FPN (BN)  25,478,741  256/512  16.30  5.1, 5.3–5.6
    fpn
  FPN (GN)  25,478,741  256/512  16.30  Fig. 6.1, 8.1
    {name: fpn, norm: group}
""",
        ),
    ],
)
def test_what_a_suite_writes_is_beside_the_numbers_or_below(
    known_sizes, monkeypatch, capsys, width, expected
):
    monkeypatch.setenv("COLUMNS", str(width))
    assert main(["list", "models", "fpn"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(
        "fpn: FPN (BN)\n  Source: Kirillov et al. 2019; thesis §5.2 and Figure 6.1.\n  Options:\n    norm: "
    )
    assert expected in text


def test_reason_why_there_is_no_size_is_a_footnote_told_once(capsys):
    no_size = Unusable("the encoder cannot be dilated")
    sizes = tuple(
        (Variant(label, {}), size) for label, size in (("One", SIZE), ("Two", no_size), ("Three", no_size))
    )
    show(*model_parts([Model("one", "One", None, (), sizes)], "vgg16"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "  Source: —"
    assert [line.split() for line in lines if line.startswith("  Two")] == [["Two", "—", "—", "—", "one"]]
    assert lines.count("  — the encoder cannot be dilated") == 1


def test_encoder_that_one_model_cannot_use_is_no_error(capsys):
    assert main(["list", "models", "deeplabv3plus", "baseline", "--encoder", "vgg11"]) == 0
    assert "encoder 'vgg11' cannot be dilated" in capsys.readouterr().out


@pytest.mark.parametrize("name", MODELS)
def test_what_is_written_in_a_suite_is_the_variant(name):
    for variant in (Variant(MODELS[name].label, {}), *MODELS[name].variants):
        said = yaml.safe_load(written(name, variant))
        options = said if isinstance(said, dict) else {"name": said}
        assert options.pop("name") == name
        assert display_name(name, options) == variant.label


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["pylon", "pilon"], "unknown model 'pilon'"),
        (["PYLON"], "; did you mean 'pylon'?"),
        (
            ["pylon", "--encoder", "resnet19"],
            "unknown encoder 'resnet19' of segmentation-models-pytorch; did",
        ),
    ],
)
def test_unknown_word_is_a_sentence_and_exit_code_two(arguments, sentence, capsys):
    assert main(["list", "models", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert sentence in shown.err
    assert len(shown.err.splitlines()) == 1


def test_progress_is_for_terminals_only(capsys):
    assert main(["list", "models", "baseline"]) == 0
    assert "measuring" not in capsys.readouterr().err

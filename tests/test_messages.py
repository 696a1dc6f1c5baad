"""The messages for bad input, all in `golden/messages.txt`: other tests check facts, not sentences.

``python tests/test_messages.py`` writes the file anew; its difference shows what users read otherwise.
"""

import contextlib
import io
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from bench.cli.main import main
from bench.data.dataset import DataContext
from bench.data.loading import load_dataset
from bench.errors import BenchError
from bench.execution.exposure import require_unseen
from bench.reporting.references import load_reference, require_references
from bench.results.references import reference_folder
from bench.results.store import ResultsStore, find_trial
from bench.results.units import read_table as read_units
from bench.suite.load import load_dataset_spec, load_suite
from bench.suite.text_table import read_table
from bench.suite.user_path import results_folder, user_path
from bench.version import VERSION

GOLDEN = Path(__file__).parent / "golden" / "messages.txt"
BROKEN = Path(__file__).parent / "suite" / "broken"

SUITE = """\
models: [baseline, pylon]
datasets: [phantom]
resolutions: [64]
seeds: [0, 1]
encoder: resnet18
weights: none
"""
LABELS = """\
image,Mass,patient,Effusion,split
x0,1,p0,0,test
x1,0,p0,1,test
x2,1,p1,0,val
x3,0,p2,1,train
x4,1,p3,0,train
"""
BOXES = "image,finding,x,y,width,height\nx0,Mass,10,15,20,30\nx1,Effusion,8,5,10,25\n"

Case = tuple[str, Callable[[], object]]


def suites() -> Iterator[Case]:
    for path in sorted(BROKEN.glob("*.yaml")):
        yield path.stem, lambda path=path: load_suite(path)
    yield "absent", lambda: load_suite(Path("smal.yaml"))
    yield "three mistakes", lambda: load_suite(Path("three.yaml"))
    for text in (
        "recipe.batch_size",
        "recipe.batch_size=many",
        "models.7.name=pylon",
        "encoder=resnet-50",
        "saw=[nih/tset]",
        "saw=[seen.txt]",
    ):
        yield f"--set {text}", lambda text=text: load_suite(Path("small.yaml"), [text])
    for name, text in (("nihh", ""), ("nih", "split=oficial"), ("folder", "labels=gone.csv")):
        yield (
            f"data set {name} {text}",
            lambda name=name, text=text: load_dataset_spec(name, [text][: len(text)]),
        )


def selections() -> Iterator[Case]:
    def grid():
        return load_suite(Path("small.yaml")).grid

    for only in ("pylon", "modle=pylon", "model=pylom", "resolution=65"):
        yield f"--only {only}", lambda only=only: grid().select([only])
    for seeds in ("x", "7", "2-0", "0-99999"):
        yield f"--seeds {seeds}", lambda seeds=seeds: grid().select(seeds=seeds)
    for shard in ("half", "3/2", "9/9"):
        yield f"--shard {shard}", lambda shard=shard: grid().shard(shard)


def exposures() -> Iterator[Case]:
    def run(saw):
        grid = load_suite(Path("small.yaml"), [f"saw={saw}"]).grid
        require_unseen(grid, grid.trials, DataContext(None, Path("cache"), {}))

    for saw in ("[phantom]", "[phantom/test]"):
        yield f"saw {saw}", lambda saw=saw: run(saw)


def paths() -> Iterator[Case]:
    for text in ("$HOME/x", "~nobody-of-this-name/x"):
        yield text, lambda text=text: user_path(text)
    for text in ("s3://bucket/results", "small.yaml", "small.yaml/results"):
        yield f"results in {text}", lambda text=text: results_folder(text)


def tables() -> Iterator[Case]:
    contents = {
        "absent": None,
        "empty": b"",
        "two columns of one name": b"image,Mass,mass\na,1,0\n",
        "a cell too many": b"image,Mass\na,1\nb,0,x\n",
        "a cell too few": b"image,Mass\na,1\nb\n",
        "a column without a name": b"image,,Mass\na,x,1\n",
        "an open quote": b'image,Mass\na,1\n"b,0\n',
        "semicolons": b"image;Mass\na;1\n",
        "UTF-16": "image,Mass\na,1\n".encode("utf-16"),
        "Latin-1": "image,Mass\nJürgen,0\n".encode("latin-1"),
        "a spreadsheet": b"PK\x03\x04...",
        "a pointer": b"version https://git-lfs.github.com/spec/v1\n",
    }
    for name, content in contents.items():
        yield name, lambda content=content: read_table(_written("table.csv", content))


def data_sets() -> Iterator[Case]:
    changes = {
        "no column of images": ("labels.csv", "image,", "Images,"),
        "an image without a name": ("labels.csv", "x4,", ","),
        "an image twice": ("labels.csv", "x4,", "x3,"),
        "an image without a file": ("labels.csv", "x4,", "x5,"),
        "a label that is none": ("labels.csv", "x3,0", "x3,-1"),
        "a finding called as an average": ("labels.csv", "Mass", "macro"),
        "a part misspelt": ("labels.csv", "val", "vall"),
        "an empty part": ("labels.csv", "val", "train"),
        "no column of widths": ("boxes.csv", "width", "w"),
        "a coordinate that is text": ("boxes.csv", "15", "left"),
        "a box without extent": ("boxes.csv", "20,30", "20,0"),
        "an image that is damaged": ("images/x3.png", None, None),
    }
    for name, (file, old, new) in changes.items():
        yield name, lambda file=file, old=old, new=new: _load_ward(file, old, new)


def results() -> Iterator[Case]:
    store = ResultsStore(Path("damaged"))
    trial = load_suite(Path("small.yaml")).grid.trials[0]
    store.announce(trial)
    folder = store.folder(trial.id)
    contents = {
        "a record that is cut off": b"{",
        "a record that is none": b'{"status": 3}',
        "a record of a newer bench": b'{"format": 99, "written_by": "99.1.0"}',
    }
    for name, content in contents.items():
        yield name, lambda content=content: (_written(folder.record, content), folder.read_record())
    yield "a table of units", lambda: read_units(_written(folder.cam_units("native"), b"PAR1"))
    yield "a trial of no folder", lambda: find_trial(store, "pylon")
    record = reference_folder(store.root, "theirs").record
    yield "a reference that is none", lambda: (_written(record, b"{"), load_reference("theirs", store.root))
    yield "a reference that is not there", lambda: require_references(("their",), store.root)


def words() -> Iterator[Case]:
    commands = [
        "rnu",
        "run",
        "run smal.yaml",
        "run small.yaml --shard 3/2",
        "run small.yaml --set references=[theirs] --serial --no-mlflow",
        "status --results-dir small.yaml",
        "show pylon-phantom",
        "predict pylon x.png",
        "report --all --only seed=0",
        "compare small.yaml pylon pylom",
        "data check nih",
        "data readers phantom",
        "list models pilon",
        "ui",
    ]
    for command in commands:
        yield f"bench {command}", lambda command=command: _answer(command.split())


def weights() -> Iterator[Case]:
    from bench.models.encoders import build_encoder

    contents = {"absent": None, "damaged.safetensors": b"\0" * 9, "damaged.pth": b"\0" * 9}
    for name, content in contents.items():
        yield (
            name,
            lambda name=name, content=content: build_encoder("resnet18", 1, str(_written(name, content))),
        )


KINDS = (suites, selections, exposures, paths, tables, data_sets, results, weights, words)


def _written(name: str | Path, content: bytes | None) -> Path:
    path = Path(name)
    path.unlink(missing_ok=True)
    if content is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return path


def _load_ward(file: str, old: str | None, new: str | None) -> object:
    """Loads a folder of five images, of whose files one is changed."""
    Path("images").mkdir(exist_ok=True)
    for number in range(5):
        Image.fromarray(np.full((48, 48), 40 * number, np.uint8)).save(f"images/x{number}.png")
    Path("labels.csv").write_text(LABELS)
    Path("boxes.csv").write_text(BOXES)
    if old is None:
        Path(file).write_bytes(b"\0" * 99)
    else:
        Path(file).write_text(Path(file).read_text().replace(old, new, 1))
    spec, files = load_dataset_spec("folder", ["images=images", "labels=labels.csv", "boxes=boxes.csv"])
    return load_dataset(spec, 64, DataContext(None, Path("cache"), files))


def _answer(arguments: Sequence[str]) -> None:
    """Raises what the command says beside its exit code."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            code = main(list(arguments))
        except SystemExit as exit_:
            code = exit_.code
    lines = [line for line in said.getvalue().splitlines() if line and not line.startswith(("usage:", "  "))]
    raise BenchError("\n".join([f"exit code {code}", *lines]))


def said(call: Callable[[], object]) -> str:
    try:
        call()
    except BenchError as error:
        return str(error)
    raise AssertionError("it is not refused")


def messages() -> str:
    """Returns what every kind of bad input is told, with the folders' names left out."""
    Path("small.yaml").write_text(SUITE)
    Path("three.yaml").write_text(SUITE.replace("64", "32").replace("[0, 1]", "[x]") + "model: 3\n")
    lines = []
    for kind in KINDS:
        lines += ["", f"# {kind.__name__.replace('_', ' ')}"]
        for name, call in kind():
            sentence = said(call).replace(f"{BROKEN}/", "").replace(f"{Path.cwd()}/", "")
            first, *rest = sentence.replace(f"({VERSION})", "(VERSION)").splitlines()
            lines += [f"{name}: {first}", *(f"    {line}" for line in rest)]
    return "\n".join(lines[1:]) + "\n"


def test_messages_are_those_of_the_golden_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "110")
    monkeypatch.delenv("BENCH_DATA_ROOT", raising=False)
    assert messages() == GOLDEN.read_text(encoding="utf-8")


if __name__ == "__main__":
    os.environ["COLUMNS"] = "110"
    os.environ.pop("BENCH_DATA_ROOT", None)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        GOLDEN.write_text(messages(), encoding="utf-8")

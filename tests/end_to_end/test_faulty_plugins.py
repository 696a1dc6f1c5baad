"""Faulty code from outside of bench: a sentence with its place; exit 2, a failed trial, or a warning."""

import json
import os

import pytest
from forking import ForkedBench
from trials import suite_text

CODE = """\
import time
from typing import ClassVar

import pandas as pd
from torch import nn

from bench.data.sources.source import DataSource
from bench.metrics.measure import MeanMeasure
from bench.models import CamOutput
from bench.suite.dataset_specs import StoredSpec
from bench.suite.metrics import Metric
from bench.tracking.observer import RunObserver

time.sleep(0.2)  # an import may be slow


class Sound(nn.Module):
    def __init__(self, encoder, num_classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Conv2d(encoder.out_channels[-1], num_classes, 1)

    def forward(self, images):
        maps = self.head(self.encoder(images)[-1])
        return self.answer(maps, maps.amax((2, 3)))

    def answer(self, maps, logits):
        return CamOutput(maps, logits)

class Headless(Sound):
    def __init__(self, encoder, num_classes: int) -> None:
        super().__init__(encoder, num_classes)
        del self.head

class OtherSize(Sound):
    def __init__(self, encoder, num_classes: int) -> None:
        super().__init__(encoder, num_classes)
    def answer(self, maps, logits):
        return CamOutput(maps[:, :, :1].flatten(2), logits)

class NotFinite(Sound):
    def __init__(self, encoder, num_classes: int) -> None:
        super().__init__(encoder, num_classes)
    def answer(self, maps, logits):
        return CamOutput(maps * float("nan"), logits * float("nan"))

class Raises(Sound):
    def __init__(self, encoder, num_classes: int) -> None:
        super().__init__(encoder, num_classes)
    def answer(self, maps, logits):
        raise KeyError("deep")

class Signature(nn.Module):
    def __init__(self, num_classes: int) -> None: ...


def metric(name, target):
    words = dict(title=name, short=name, phrase=name, caption="A metric.")
    return Metric(name, needs=frozenset({"maps"}), target=target, **words)

class Measured(MeanMeasure):
    is_hit = False
    columns = ("foreign",)
    def of_maps(self, maps):
        return {"foreign": maps.values.mean(axis=(1, 2)).astype(float)}

class MeasureRaises(Measured):
    def of_maps(self, maps):
        raise ValueError("no measure")

class MeasureTooShort(Measured):
    def of_maps(self, maps):
        return {"foreign": super().of_maps(maps)["foreign"][1:]}

class MeasureOtherColumn(Measured):
    def of_maps(self, maps):
        return {"stranger": super().of_maps(maps)["foreign"]}

RAISES, TOO_SHORT, OTHER_COLUMN = MeasureRaises(), MeasureTooShort(), MeasureOtherColumn()
METRIC_RAISES = metric("m_raises", "faulty:RAISES")
METRIC_TOO_SHORT = metric("m_short", "faulty:TOO_SHORT")
METRIC_OTHER_COLUMN = metric("m_other", "faulty:OTHER_COLUMN")
METRIC_OF_ITS_NAME = metric("auroc", "faulty:RAISES")
METRIC_WITHOUT_MEASURE = metric("m_without", "faulty:ABSENT")


class Films(StoredSpec):
    reader: ClassVar = "faulty:read"
    labelled: ClassVar = ("Mass",)
    split: str = "own"
    fault: str

def read(spec, context):
    names = [f"f{i}" for i in range(6)]
    good = {
        "name": "films",
        "root": context.cache_dir,
        "findings": ("Mass",),
        "parts": {"train": tuple(names[:2]), "val": tuple(names[2:4]), "test": tuple(names[4:])},
        "files": {},
        "labels": pd.DataFrame({"Mass": 1}, index=names),
        "patients": pd.Series(names, index=names),
        "boxes": pd.DataFrame([], columns=["image", "finding", "x", "y", "w", "h"]),
        "frames": lambda images, sizes: sizes(images),
    }
    box = dict(image="f0", finding="Mass", x=0.0, y=0.0, w=float("nan"), h=1.0)
    bad = {
        "raises": lambda: {}["key"],
        "nothing": lambda: None,
        "labels": lambda: {"labels": pd.DataFrame({"Mass": 2}, index=names)},
        "twice": lambda: {"labels": pd.DataFrame({"Mass": 1}, index=[*names, "f0"])},
        "part": lambda: {"parts": {"train": ("unknown",), "val": (), "test": ()}},
        "box": lambda: {"boxes": pd.DataFrame([box])},
        "frames": lambda: {"frames": lambda images, sizes: {}["frame"]},
        "files": lambda: {},
    }[spec.fault]()
    return None if bad is None else DataSource(**good | bad)


class Watch(RunObserver):
    def __init__(self, results_dir) -> None: ...

class WatchWantsMore(RunObserver):
    def __init__(self, results_dir, project) -> None: ...

class WatchCannotBegin(RunObserver):
    def __init__(self, results_dir) -> None:
        raise ConnectionError("nobody there")

class WatchRaises(Watch):
    def epoch(self, trial, row):
        raise KeyError("epoch")
    def close(self):
        raise SystemExit(3)
"""

SUITE = suite_text() + "recipe: {max_epochs: 1}\n"


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """Runs the command line beside the faulty module; returns exit code, what it said, and records."""
    folder = tmp_path_factory.mktemp("faulty")
    (folder / "faulty.py").write_text(CODE, "utf-8")
    (folder / "suite.yaml").write_text(SUITE, "utf-8")
    paths = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    forked = ForkedBench(folder, {"PYTHONPATH": paths, "XDG_CACHE_HOME": str(folder / "cache")})

    def run(results: str, *words: str, settings: dict[str, str]):
        changes = [f"--set={key}={value}" for key, value in settings.items()]
        always = ("--serial", "--no-mlflow", "--results-dir", results)
        done = forked("run", "suite.yaml", *always, *words, *changes)
        assert "Traceback" not in done.stderr
        records = {
            path.parent.name: json.loads(path.read_text("utf-8"))
            for path in (folder / results / "trials").glob("*/record.json")
        }
        return done.returncode, done.stderr, records

    yield run
    forked.end()


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("models", "[absent_module:Net]", "no module 'absent_module'"),
        ("models", "[faulty:Absent]", "has no 'Absent'"),
        ("models", "[faulty:Signature]", "(self, encoder, num_classes, *, options)"),
        ("metrics", "[absent_module:METRIC]", "no module 'absent_module'"),
        ("metrics", "[no target]", "is no module:object"),
        ("metrics", "[faulty:Sound]", "is no bench.suite.metrics.Metric"),
        ("metrics", "[faulty:METRIC_OF_ITS_NAME]", "is bench's own"),
        ("metrics", "[faulty:METRIC_WITHOUT_MEASURE]", "has no 'ABSENT'"),
        ("datasets", "[absent_module:Films]", "no module 'absent_module'"),
        ("datasets", "[faulty:Sound]", "is no class that derives from bench.suite.dataset_specs.StoredSpec"),
        ("datasets", "[faulty:Films]", "fault is missing"),
        ("datasets", "[{name: faulty:Films, fault: raises}]", "faulty.py:"),
        ("datasets", "[{name: faulty:Films, fault: nothing}]", "NoneType and no bench.data.sources"),
        ("datasets", "[{name: faulty:Films, fault: labels}]", "labels other than 0 and 1"),
        ("datasets", "[{name: faulty:Films, fault: twice}]", "'f0' twice"),
        ("datasets", "[{name: faulty:Films, fault: part}]", "'unknown' of part train"),
        ("datasets", "[{name: faulty:Films, fault: box}]", "not finite"),
        ("datasets", "[{name: faulty:Films, fault: frames}]", "faulty.py:"),
        ("datasets", "[{name: faulty:Films, fault: files}]", "images_missing"),
    ],
)
def test_what_can_be_seen_before_a_trial_ends_the_command(bench, key, value, sentence):
    code, told, records = bench("before", settings={key: value})
    assert code == 2, told
    assert sentence in told
    assert not records


@pytest.mark.parametrize(
    ("tracker", "sentence"),
    [
        ("absent", "no tracker 'absent'"),
        ("absent_module:Watch", "no module 'absent_module'"),
        ("faulty:Sound", "is no class that derives from bench.tracking.observer.RunObserver"),
        ("faulty:WatchWantsMore", "takes the results folder alone"),
    ],
)
def test_a_name_that_leads_to_no_tracker_ends_the_command(bench, tracker, sentence):
    code, told, records = bench("before", "--tracker", tracker, settings={})
    assert code == 2, told
    assert sentence in told
    assert not records


def test_a_faulty_model_fails_its_own_trial(bench):
    """And so do maps of a metric; the sound model beside them is finished, though its import is slow."""
    names = ("Headless", "OtherSize", "NotFinite", "Raises", "Sound")
    code, _, records = bench("models", settings={"models": json.dumps([f"faulty:{name}" for name in names])})
    assert code == 1
    assert len(records) == len(names)
    by_name = {name.split("-")[0].removeprefix("faulty."): record for name, record in records.items()}
    assert by_name.pop("Sound")["status"] == "finished"
    for name, record in by_name.items():
        assert record["status"] == "failed", name
        assert ": " in record["error"].splitlines()[-1], name
    assert "faulty.py:" in by_name["Raises"]["error"].splitlines()[-1]
    assert "Traceback" in by_name["Raises"]["error"]


@pytest.mark.parametrize("name", ["RAISES", "TOO_SHORT", "OTHER_COLUMN"])
def test_a_faulty_metric_fails_trials_with_its_name_or_place(bench, name):
    code, _, records = bench(name, settings={"metrics": f"[faulty:METRIC_{name}]"})
    assert code == 1
    (record,) = records.values()
    assert record["status"] == "failed"
    assert "faulty" in record["error"].splitlines()[-1]


def test_a_faulty_tracker_is_a_warning_and_the_run_is_finished(bench):
    names = ("WatchCannotBegin", "WatchRaises")
    words = [word for name in names for word in ("--tracker", f"faulty:{name}")]
    code, told, records = bench("trackers", *words, settings={"recipe.max_epochs": "2"})
    assert code == 0, told
    assert [record["status"] for record in records.values()] == ["finished"]
    for fact in ("ConnectionError: nobody there", "KeyError: 'epoch'", "SystemExit: 3"):
        (line,) = [line for line in told.splitlines() if fact in line]
        assert "faulty.py:" in line

"""Data sets keep the contract of sources, and faults of one are found."""

from dataclasses import dataclass, field, replace

import pandas as pd
import pytest

from bench.data.conformance import CHECKS, Candidate
from bench.data.dataset import DataContext
from bench.errors import PluginError
from bench.suite.conformance import examined
from bench.suite.dataset_specs import PhantomSpec

SPEC = PhantomSpec(train=6, val=3, test=6)


def problems(of):
    return {check: problem for check, problem in examined(CHECKS, of, None) if problem is not None}


@pytest.mark.parametrize("findings", ["eight", "nih", "vindr"])
def test_phantoms_pass(findings, tmp_path):
    spec = PhantomSpec(train=6, val=3, test=6, findings=findings)
    assert not problems(Candidate(spec, DataContext(None, tmp_path, {})))


@dataclass(frozen=True)
class Changed(Candidate):
    """A data set whose source is changed, by what gives the changes each time that it is read."""

    change: object = None
    reads: list = field(default_factory=list)

    def read(self):
        source = super().read()
        self.reads.append(source)
        return replace(source, **self.change(source, len(self.reads)))


def reordered(source, number):
    parts = dict(source.parts)
    parts["train"] = parts["train"][:: 1 if number % 2 else -1]
    return {"parts": parts}


def without_validation(source, _):
    return {"parts": {**source.parts, "val": ()}}


def one_patient(source, _):
    return {"patients": pd.Series("same", index=source.patients.index)}


def other_findings(source, _):
    names = dict(zip(source.findings, reversed(source.findings), strict=True))
    return {"findings": source.findings[::-1], "labels": source.labels.rename(columns=names)}


def large_boxes(source, _):
    return {"boxes": source.boxes.assign(w=2.0)}


def flickering(source, _):
    drawn = iter(range(100))
    return {"draw": lambda name, side_px: source.draw(name, side_px) // (1 + next(drawn))}


def label_of_two(source, _):
    return {"labels": source.labels + 1}


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (label_of_two, "what is read can be worked with"),
        (without_validation, "every part has images"),
        (reordered, "reading again gives the same in the same order"),
        (other_findings, "findings are those that its class declares"),
        (one_patient, "nothing stops a run"),
        (large_boxes, "nothing stops a run"),
        (flickering, "images are gray squares of the size that is asked for"),
    ],
)
def test_faults_are_found(change, check, tmp_path):
    assert check in problems(Changed(SPEC, DataContext(None, tmp_path, {}), change))


def test_a_patient_in_two_parts_is_named(tmp_path):
    found = problems(Changed(SPEC, DataContext(None, tmp_path, {}), one_patient))
    assert "patients_shared_train_test" in found["nothing stops a run"]


def test_errors_are_faults_with_their_place(tmp_path):
    def broken(source, _):
        return {"draw": lambda name, side_px: {}[name]}

    of = Changed(SPEC, DataContext(None, tmp_path, {}), broken)
    found = dict(examined(CHECKS, of, __name__))
    assert f"{__file__}:" in found["images are gray squares of the size that is asked for"]
    with pytest.raises(KeyError):
        dict(examined(CHECKS, of, None))


def test_what_a_foreign_reader_returns_is_looked_at_before_it_is_used():
    from bench.data.plugins import sound_source

    with pytest.raises(PluginError, match="returns NoneType and no"):
        sound_source(None, "my_package.films:read")

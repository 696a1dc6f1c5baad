"""Files that another version of bench has written, or that are damaged: read or told, never overwritten."""

import json

import pytest

from bench.errors import ResultsError
from bench.planning.speed import Probe, add_probe, read_probes
from bench.results import stored
from bench.results.lease import Lease, Leases, holder
from bench.results.references import ReferenceRecord, SeedMetrics, reference_folder
from bench.results.store import ResultsStore
from bench.results.stored import read_stored, write_stored
from bench.suite.frozen import Frozen

NEWER = "99.1.0"


class Content(Frozen):
    name: str
    inner: dict[str, int]


@pytest.fixture
def path(tmp_path):
    found = tmp_path / "content.json"
    write_stored(found, Content(name="a", inner={"b": 1}))
    return found


def change(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def read(path):
    return read_stored(path, Content, "content", "move it elsewhere")


def test_a_file_says_its_format_and_who_wrote_it(path):
    assert json.loads(path.read_text())["format"] == stored.FORMAT
    assert read(path) == Content(name="a", inner={"b": 1})
    assert read(path.with_name("other.json")) is None


def test_fields_that_are_not_known_are_left_out(path):
    change(path, written_by=NEWER, more={"c": [1]})
    assert read(path) == Content(name="a", inner={"b": 1})


@pytest.mark.parametrize("changes", [{"format": stored.FORMAT + 1}, {"name": {"first": "a"}}])
def test_what_a_newer_bench_says_otherwise_is_told_and_not_to_be_moved(path, changes):
    change(path, written_by=NEWER, **changes)
    with pytest.raises(ResultsError) as caught:
        read(path)
    assert {str(path), NEWER, "newer"} <= set(str(caught.value).replace(":", "").replace(",", "").split())
    assert "move" not in str(caught.value)


def test_an_older_format_is_told_with_who_wrote_it_and_what_to_do(path):
    change(path, format=1, written_by="0.0.9")
    with pytest.raises(ResultsError, match=r"bench 0\.0\.9 in format 1.*move it elsewhere"):
        read(path)


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"\xff", b'{"name": 1, "inner": {}}', None])
def test_a_damaged_file_is_told_with_what_brings_it_back(path, damage):
    path.unlink()
    path.mkdir() if damage is None else path.write_bytes(damage)
    with pytest.raises(ResultsError) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert ("move it elsewhere" in str(caught.value)) == (damage is not None)
    assert not {"remove", "delete"} & set(str(caught.value).split())


PROBE = Probe(
    workload="w",
    device="cpu",
    images_per_s=1.0,
    memory_bytes=1,
    num_steps=1,
    probed_at="2026-01-01T00:00:00Z",
)


def test_a_probe_keeps_what_a_newer_bench_wrote_beside_it(tmp_path):
    add_probe(tmp_path, PROBE)
    document = json.loads((tmp_path / "probes.json").read_text())
    document["probes"][0]["power_w"] = 300
    (tmp_path / "probes.json").write_text(json.dumps(document))
    add_probe(tmp_path, PROBE.model_copy(update={"device": "H100"}))
    assert [one.device for one in read_probes(tmp_path)] == ["cpu", "H100"]
    assert json.loads((tmp_path / "probes.json").read_text())["probes"][0]["power_w"] == 300


def test_a_lease_with_more_fields_is_held(tmp_path):
    first, second = (Leases(ResultsStore(tmp_path)) for _ in range(2))
    second._mine = Lease(machine="another", host="another", pid=1, began_at=1.0)
    assert first.take("trial") is None
    path = ResultsStore(tmp_path).folder("trial").path / "lease.json"
    change(path, gpus=[0])
    assert holder(path.parent) is not None
    assert second.take("trial") is not None


def test_a_reference_with_more_fields_is_read(tmp_path):
    folder = reference_folder(tmp_path, "theirs")
    record = ReferenceRecord(
        name="theirs",
        title="Theirs",
        source="a paper",
        differs="nothing",
        dataset="nih",
        resolution=256,
        grid_px=256,
        seeds=(SeedMetrics(seed=0, metrics={"auroc/macro": 0.5}),),
    )
    folder.write_record(record)
    change(folder.record, licence="none")
    assert folder.read_record() == record

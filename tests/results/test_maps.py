"""Stored maps: what is written is read, in order, a bounded number at a time."""

import numpy as np
import pytest

from bench.errors import ResultsError
from bench.results import units as unit_files
from bench.results.units import read_maps, read_maps_of, writing_maps


def drawn(count: int = 7, side: int = 5) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    kinds = [np.float16, np.float32]
    return [random.normal(0, 9, (side, side + 1)).astype(kinds[unit % 2]) for unit in range(count)]


def write(path, unit_maps) -> None:
    with writing_maps(path) as keep:
        for unit_map in unit_maps:
            keep(unit_map)


def test_maps_come_back_as_they_were(tmp_path):
    expected = drawn()
    expected[3][0, 0], expected[4][0, 0] = np.nan, -np.inf
    write(tmp_path / "maps.npz", expected)
    (found,) = read_maps(tmp_path / "maps.npz")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.stack(expected).astype(np.float32))


def test_anyone_can_read_them_with_numpy(tmp_path):
    expected = drawn()
    write(tmp_path / "maps.npz", expected)
    with np.load(tmp_path / "maps.npz") as archive:
        assert archive.files == [str(unit) for unit in range(len(expected))]
        for unit, unit_map in enumerate(expected):
            assert archive[str(unit)].dtype == unit_map.dtype
            np.testing.assert_array_equal(archive[str(unit)], unit_map)


def test_some_are_read_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(unit_files, "_VALUES_AT_A_TIME", 3 * 30)
    write(tmp_path / "maps.npz", drawn())
    chunks = list(read_maps(tmp_path / "maps.npz"))
    assert [len(chunk) for chunk in chunks] == [3, 3, 1]
    np.testing.assert_array_equal(np.concatenate(chunks), np.stack(drawn()).astype(np.float32))


def test_the_same_maps_give_the_same_bytes(tmp_path):
    for name in ("first.npz", "second.npz"):
        write(tmp_path / name, drawn())
    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "second.npz").read_bytes()


def test_no_units_give_no_maps(tmp_path):
    write(tmp_path / "maps.npz", [])
    assert list(read_maps(tmp_path / "maps.npz")) == []


def test_an_interrupted_writer_leaves_the_old_file(tmp_path):
    write(tmp_path / "maps.npz", drawn())
    before = (tmp_path / "maps.npz").read_bytes()

    def interrupted():
        yield drawn()[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "maps.npz", interrupted())
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [before]


@pytest.mark.parametrize("damage", [lambda data: data[:200], lambda _: b"", lambda data: b"x" * len(data)])
def test_damaged_maps_are_one_sentence(tmp_path, damage):
    path = tmp_path / "maps.npz"
    write(path, drawn())
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ResultsError, match=r"maps\.npz: not readable maps \("):
        list(read_maps(path))


def test_a_flipped_bit_is_noticed(tmp_path):
    path = tmp_path / "maps.npz"
    write(path, drawn())
    data = bytearray(path.read_bytes())
    data[150] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(ResultsError, match="not readable maps"):
        list(read_maps(path))


def test_maps_of_some_units_are_read_alone_whatever_their_order(tmp_path):
    expected = drawn()
    write(tmp_path / "maps.npz", expected)
    found = read_maps_of(tmp_path / "maps.npz", [5, 0])
    assert [unit_map.dtype for unit_map in found] == [np.float32, np.float32]
    np.testing.assert_array_equal(found[0], expected[5].astype(np.float32))
    np.testing.assert_array_equal(found[1], expected[0].astype(np.float32))
    with pytest.raises(ResultsError, match=r"maps\.npz: not readable maps"):
        read_maps_of(tmp_path / "maps.npz", [7])
    with pytest.raises(ResultsError, match="not readable maps"):
        read_maps_of(tmp_path / "absent.npz", [0])

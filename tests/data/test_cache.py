"""The cache of decoded images: whole or absent, whatever happens while it is made."""

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from waiting import LONG_S, wait_until

from bench.cli.main import main
from bench.data.images import cache, decoding
from bench.data.images.cache import CachedArray, cached_images, require_space
from bench.data.images.decoding import ImageFile
from bench.errors import DataError

NUM_IMAGES = 24


@pytest.fixture
def paths(tmp_path):
    random = np.random.default_rng(0)
    found = []
    for i in range(NUM_IMAGES):
        path = tmp_path / "images" / f"{i:02d}.png"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), random.integers(0, 255, (96 + i, 128), dtype=np.uint8))
        found.append(path)
    return found


@pytest.fixture
def decoded(monkeypatch):
    """The names of the files that are decoded, in any order."""
    names = []
    true = decoding.read_gray
    monkeypatch.setattr(
        decoding, "read_gray", lambda path, *more: names.append(path.name) or true(path, *more)
    )
    return names


def known(paths):
    return [ImageFile(path, hashlib.sha256(path.read_bytes()).hexdigest()) for path in paths]


def array_of(paths, tmp_path, side_px=64):
    return CachedArray(known(paths), side_px, tmp_path / "cache")


def in_process(code: str, paths, tmp_path, **options) -> subprocess.Popen:
    prelude = (
        "import os, signal, sys, time\nfrom pathlib import Path, PosixPath\n"
        "from bench.data.images import cache, decoding\n"
        "from bench.data.images.decoding import ImageFile\n"
        f"array = cache.CachedArray({known(paths)}, 64, Path({str(tmp_path / 'cache')!r}))\n"
    )
    return subprocess.Popen([sys.executable, "-c", prelude + code], text=True, **options)


def test_an_array_is_named_by_what_its_files_hold(paths, tmp_path):
    array = array_of(paths, tmp_path)
    moved = [path.rename(path.with_name(f"moved-{path.name}")) for path in paths]
    assert array_of(moved, tmp_path).target == array.target
    assert array_of(moved[::-1], tmp_path).target != array.target
    content = moved[0].read_bytes()
    moved[0].write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert array_of(moved, tmp_path).target != array.target


@pytest.mark.parametrize("suffix", [".png", ".dcm"])
def test_a_file_that_changed_after_it_was_checked_is_not_decoded(tmp_path, write_dicom, suffix):
    path = tmp_path / f"a{suffix}"

    def write(pixels):
        if suffix == ".dcm":
            write_dicom(path, pixels.astype(np.uint16))
        else:
            cv2.imwrite(str(path), pixels)

    write(np.eye(32, dtype=np.uint8))
    array = array_of([path], tmp_path)
    write(1 - np.eye(32, dtype=np.uint8))
    with pytest.raises(DataError, match=rf"a\{suffix}: has been changed"):
        cached_images(array)
    assert not array.target.exists()
    assert cached_images(array_of([path], tmp_path)).shape == (1, 64, 64)


@pytest.mark.parametrize("side_px", [64, 518])
def test_pixels_are_opencvs_cubic_resize_of_the_gray_file(paths, tmp_path, side_px):
    pixels = cached_images(array_of(paths, tmp_path, side_px))
    assert isinstance(pixels, np.memmap)
    assert pixels.shape == (NUM_IMAGES, side_px, side_px)
    for i, path in enumerate(paths):
        gray = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        assert (pixels[i] == cv2.resize(gray, (side_px, side_px), interpolation=cv2.INTER_CUBIC)).all()


def test_array_has_a_manifest_and_nothing_else_beside_it(paths, tmp_path):
    array = array_of(paths, tmp_path)
    cached_images(array)
    visible = sorted(path.name for path in array.cache_dir.iterdir() if not path.name.startswith("."))
    assert visible == [array.target.with_suffix(".json").name, array.target.name]
    manifest = json.loads(array.target.with_suffix(".json").read_text())
    assert manifest["count"] == NUM_IMAGES
    assert manifest["side_px"] == 64
    assert manifest["decoder"] == array.decoder
    assert manifest["opencv"] == cv2.__version__
    assert len(manifest["content"]) == 64
    assert manifest["created"].startswith("20")


def test_a_killed_build_goes_on_where_it_was(paths, tmp_path, decoded, monkeypatch):
    code = (
        "cache.FLUSH_S, cache._PROGRESS_S = 0, 0\n"
        "cache.cached_images(array, lambda done, _: done == 10 and os.kill(os.getpid(), signal.SIGKILL))\n"
    )
    assert in_process(code, paths, tmp_path).wait(LONG_S) == -signal.SIGKILL
    array = array_of(paths, tmp_path)
    assert not array.target.exists()
    told = []
    pixels = cached_images(array, lambda done, total: told.append((done, total)))
    assert sorted(decoded) == [path.name for path in paths[10:]]
    assert told == [(10, NUM_IMAGES), (NUM_IMAGES, NUM_IMAGES)]
    monkeypatch.undo()
    assert (pixels == cached_images(CachedArray(known(paths), 64, tmp_path / "other"))).all()


def test_two_processes_at_once_make_one_array(paths, tmp_path):
    code = (
        "true = decoding.read_gray\n"
        "def slow(path, *more):\n"
        "    time.sleep(0.05)\n"
        "    os.write(1, f'{path.name} '.encode())\n"
        "    return true(path, *more)\n"
        "decoding.read_gray = slow\n"
        "cache.cached_images(array)\n"
    )
    both = [in_process(code, paths, tmp_path, stdout=subprocess.PIPE) for _ in range(2)]
    outputs = [process.communicate(timeout=LONG_S)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted("".join(outputs).split()) == [path.name for path in paths]
    assert len(list((tmp_path / "cache").glob("*.npy"))) == 1


def test_who_waits_for_another_process_is_told(paths, tmp_path, caplog):
    array = array_of(paths, tmp_path)
    told = "another process decodes these images"
    code = (
        "with cache._alone(array):\n"
        "    print('locked', flush=True)\n"
        "    sys.stdin.readline()\n"
        "    cache._build(array, lambda *_: None)\n"
    )
    with in_process(code, paths, tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == "locked\n"
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(cached_images, array)
            wait_until(lambda: told in caplog.text or waiting.done(), "a word on the other process")
            assert not waiting.done()
            other.communicate("\n", timeout=LONG_S)
    assert other.returncode == 0


DAMAGES = {
    "truncated": (lambda whole: whole[: len(whole) // 2], "is cut off, damaged or no image"),
    "empty": (lambda _: b"", "is empty"),
    "text": (lambda _: b"<html>404</html>", "is cut off, damaged or no image"),
    "truncated JPEG": (lambda _: cv2.imencode(".jpg", np.eye(64) * 255)[1].tobytes()[:-100], "is cut off"),
}


def test_all_unreadable_images_are_named_at_the_end(paths, tmp_path, decoded):
    whole = {path: path.read_bytes() for path in paths}
    for path, (damage, _) in zip(paths[3:], DAMAGES.values(), strict=False):
        path.write_bytes(damage(whole[path]))
    with pytest.raises(DataError) as caught:
        cached_images(array_of(paths, tmp_path))
    sentence = str(caught.value)
    assert sentence.startswith(f"4 of {NUM_IMAGES} images cannot be decoded: ")
    for path, (_, reason) in zip(paths[3:], DAMAGES.values(), strict=False):
        assert f"{path}: {reason}" in sentence
    assert not list((tmp_path / "cache").glob("*.npy"))

    for path, content in whole.items():
        path.write_bytes(content)
    decoded.clear()
    assert len(cached_images(array_of(paths, tmp_path))) == NUM_IMAGES
    assert sorted(decoded) == [path.name for path in paths[3:7]]  # the others were kept


def test_of_many_unreadable_images_ten_are_named(paths, tmp_path):
    for path in paths[:12]:
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"^12 of 24 images") as caught:
        cached_images(array_of(paths, tmp_path))
    assert str(caught.value).count("is empty") == 10
    assert str(caught.value).endswith("; …")


def test_a_replaced_image_is_decoded_again(paths, tmp_path, decoded):
    paths[0].write_bytes(b"")
    with pytest.raises(DataError):
        cached_images(array_of(paths, tmp_path))
    for path in paths[:2]:
        cv2.imwrite(str(path), np.full((50, 50), 7, np.uint8))
    decoded.clear()
    pixels = cached_images(array_of(paths, tmp_path))
    assert sorted(decoded) == [path.name for path in paths[:2]]
    assert (pixels[:2] == 7).all()


def test_unreadable_dicoms_do_not_stop_the_others(tmp_path, write_dicom, monkeypatch):
    """In processes, as many of them are."""
    monkeypatch.setattr(decoding, "_WORTH_PROCESSES", 1)
    paths = [tmp_path / f"{i}.dicom" for i in range(4)]
    for i, path in enumerate(paths):
        write_dicom(path, np.arange(64 * 48).reshape(64, 48) + i)
    for path in paths[1:3]:
        path.write_bytes(b"no DICOM")
    with pytest.raises(DataError, match=r"^2 of 4 images .*1\.dicom: is no DICOM file; .*2\.dicom: is no D"):
        cached_images(array_of(paths, tmp_path))
    assert len(cached_images(array_of([paths[0], paths[3]], tmp_path))) == 2


def test_a_script_without_main_guard_ends_with_a_sentence(tmp_path, write_dicom):
    """Processes import it, so that each would wait for the array that its parent makes."""
    write_dicom(tmp_path / "0.dicom", np.arange(64 * 48).reshape(64, 48))
    script = tmp_path / "script.py"
    script.write_text(
        "from pathlib import Path\n"
        "from bench.data.images import cache, decoding\n"
        "decoding._WORTH_PROCESSES = 1\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "import hashlib\n"
        "from bench.data.images.decoding import ImageFile\n"
        "digest = hashlib.sha256((folder / '0.dicom').read_bytes()).hexdigest()\n"
        "file = ImageFile(folder / '0.dicom', digest)\n"
        "cache.cached_images(cache.CachedArray([file], 64, folder / 'cache'))\n"
    )
    ended = subprocess.run(
        [sys.executable, script], check=False, capture_output=True, text=True, timeout=LONG_S
    )
    assert ended.returncode == 1
    assert 'it needs if __name__ == "__main__"' in ended.stderr
    assert "a process that decodes DICOMs has died" in ended.stderr.splitlines()[-1]


def test_too_small_a_disk_is_known_before_anything_is_decoded(paths, tmp_path, decoded, monkeypatch):
    arrays = [array_of(paths, tmp_path), array_of(paths, tmp_path, 128)]
    notices = []
    require_space(arrays, notices.append)
    assert notices[0].startswith(f"{tmp_path / 'cache'}: takes 492 kB of disk for 48 decoded images; ")
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10))
    with pytest.raises(DataError, match=r"needs 492 kB of disk .* 10 B are free; --cache-dir moves it$"):
        require_space(arrays, notices.append)
    assert len(notices) == 1
    assert not decoded


def test_what_is_there_needs_no_space(paths, tmp_path):
    array = array_of(paths, tmp_path)
    cached_images(array)
    require_space([array], lambda _: pytest.fail("nothing is needed"))


@pytest.mark.parametrize("call", ["posix_fallocate", "fsync"])
def test_a_full_disk_is_one_sentence_and_leaves_no_array(paths, tmp_path, monkeypatch, call):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(cache, "FLUSH_S", 0)
    monkeypatch.setattr(cache.os, call, full)
    with pytest.raises(DataError, match=r"\.npy: the disk is full.*--cache-dir"):
        cached_images(array_of(paths, tmp_path))
    assert not list((tmp_path / "cache").glob("*.npy"))
    assert not list((tmp_path / "cache").glob("*.json"))
    monkeypatch.undo()
    assert len(cached_images(array_of(paths, tmp_path))) == NUM_IMAGES


def test_a_disk_that_is_full_in_truth_is_one_sentence(paths, small_disk):
    array = CachedArray(known(paths), 64, small_disk / "cache")
    with pytest.raises(DataError, match=r"needs 98 kB of disk .* are free"):
        require_space([array])
    with pytest.raises(DataError, match=r"the disk is full.*--cache-dir"):
        cached_images(array)
    assert not [path for path in small_disk.rglob("*") if path.is_file() and path.stat().st_size]
    assert len(cached_images(CachedArray(known(paths[:8]), 64, small_disk / "cache"))) == 8


@pytest.fixture
def nih_root(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.data.checks.manifest._SETTLED_NS", -(10**18))  # any clock tells changes apart
    root = tmp_path / "download"
    (root / "images").mkdir(parents=True)
    names = [f"{i:08d}_000.png" for i in range(NUM_IMAGES)]
    for i, name in enumerate(names):
        cv2.imwrite(str(root / "images" / name), np.full((64, 64), i, np.uint8))
    rows = [f"{name},Mass,{i}" for i, name in enumerate(names)]
    (root / "Data_Entry_2017.csv").write_text("\n".join(["Image Index,Finding Labels,Patient ID", *rows]))
    (root / "BBox_List_2017.csv").write_text(f"Image,Finding,x,y,w,h\n{names[-1]},Mass,1,1,9,9\n")
    (root / "train_val_list.txt").write_text("\n".join(names[:20]))
    (root / "test_list.txt").write_text("\n".join(names[20:]))
    return root


def prepare(root, tmp_path, *sizes):
    command = ["data", "prepare", "nih", "--data-root", str(root), "--cache-dir", str(tmp_path / "cache")]
    return main([*command, "--size", *sizes])


def test_prepare_makes_the_arrays_of_every_size(nih_root, tmp_path, capfd):
    assert prepare(nih_root, tmp_path, "64", "96") == 0
    shown = capfd.readouterr()
    assert f"\n{tmp_path / 'cache' / 'nih'}: takes " in shown.err
    assert "decode train, 80 px: 18/18, " in shown.err
    assert "train for 64 px      18   80  115 kB" in shown.out
    assert f"decoded {2 * NUM_IMAGES} images in " in shown.out
    assert len(list((tmp_path / "cache" / "nih").glob("*.npy"))) == 6

    assert prepare(nih_root, tmp_path, "64") == 0
    shown = capfd.readouterr()
    assert shown.err == ""
    assert "115 kB  was there" in shown.out
    assert shown.out.endswith("decoded 0 images\n")


def test_prepare_of_unreadable_images_is_one_sentence(nih_root, tmp_path, capfd):
    (nih_root / "images" / "00000022_000.png").write_bytes(b"")
    assert prepare(nih_root, tmp_path, "64") == 2
    last = capfd.readouterr().err.splitlines()[-1]
    assert last.startswith("1 of 24 images cannot be decoded: ")
    assert last.endswith("00000022_000.png: is empty")


def test_prepare_as_a_process(tmp_path):
    def run(*words):
        command = [sys.executable, "-m", "bench", "data", "prepare", *words]
        return subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)

    nothing = run("phantom", "--size", "64")
    assert nothing.returncode == 0
    assert nothing.stdout.startswith("phantom: nothing has to be prepared")
    wrong = run("nih", "--size", "32")
    assert wrong.returncode == 2
    assert "32: Input should be greater than or equal to 64" in wrong.stderr
    assert not list(tmp_path.iterdir())

"""DICOM radiographs: what is read, against a slow definition of the same conversion, and what is refused."""

import cv2
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGLSLossless

from bench.data.dicom import equalised, is_dicom, read_dicom, read_size
from bench.errors import DataError


def radiograph(shape=(96, 80), highest=4095, seed=0):
    """Whole numbers of a skewed distribution: many dark, few bright."""
    random = np.random.default_rng(seed)
    return (random.beta(2, 5, shape) * highest).astype(np.uint16)


def _reference_equalised(stored: np.ndarray) -> np.ndarray:
    """Pixel by pixel from the definition: counts by comparison, interpolation by hand."""
    values = ((stored - stored.min().astype(float)) / (int(stored.max()) - int(stored.min()))).ravel()
    shares = [np.mean(np.minimum(np.floor(values * 256), 255) <= k) for k in range(256)]
    result = []
    for value in values:
        k = min(int(value * 256), 255)
        rest = value * 256 - k
        share = shares[k] if k == 255 else shares[k] * (1 - rest) + shares[k + 1] * rest
        result.append(int(share * 255 + 1e-9))
    return np.array(result).reshape(stored.shape)


def _levels_apart(first: np.ndarray, second: np.ndarray) -> int:
    return int(np.abs(first.astype(int) - second.astype(int)).max())


@pytest.mark.parametrize("highest", [200, 255, 4095, 65535])
def test_equalisation_agrees_with_its_definition(highest):
    stored = radiograph(highest=highest)
    assert _levels_apart(equalised(stored), _reference_equalised(stored)) <= 1  # rounding down at a whole


def test_equalisation_agrees_with_opencvs_on_8_bit_images():
    stored = radiograph((400, 400), 255).astype(np.uint8)
    stored[0, :2] = 0, 255
    assert _levels_apart(equalised(stored), cv2.equalizeHist(stored)) <= 4  # one bin's share of pixels
    assert np.abs(equalised(stored).astype(int) - cv2.equalizeHist(stored)).mean() < 1.5


def test_equalised_by_hand():
    # Bins of the values 0, 1/4, 1/2, 1 are 0, 64, 128, 255: shares 1/4, 2/4, 3/4, 4/4 of the pixels.
    assert equalised(np.array([[0, 1], [2, 4]])).tolist() == [[63, 127], [191, 255]]


def test_equalised_histogram_is_flat():
    image = equalised(radiograph((400, 400)))
    shares = np.histogram(image, 8, range=(0, 256))[0] / image.size
    assert np.abs(shares - 1 / 8).max() < 0.02


def test_a_constant_image_is_black():
    assert not equalised(np.full((4, 4), 77, np.uint16)).any()


def test_a_stretch_or_a_shift_of_the_numbers_changes_nothing():
    stored = radiograph().astype(np.int32)
    assert (equalised(stored * 3 - 500) == equalised(stored)).all()


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_image_is_equalised_and_then_resized(tmp_path, write_dicom, bits):
    stored = radiograph(highest=2**bits - 1)
    write_dicom(tmp_path / "a.dicom", stored, bits=bits)
    image = read_dicom(tmp_path / "a.dicom")
    assert image.dtype == np.uint8
    assert image.shape == (1024, 853)  # 80 · 1024/96 is 853.3
    expected = _reference_equalised(stored).astype(np.uint8)
    expected = cv2.resize(expected, (853, 1024), interpolation=cv2.INTER_LINEAR)
    assert _levels_apart(image, expected) <= 1


def test_signed_numbers_are_read_as_such(tmp_path, write_dicom):
    stored = radiograph(highest=2000)
    write_dicom(tmp_path / "a.dcm", stored)
    write_dicom(tmp_path / "b.dcm", stored.astype(np.int16) - 1000)
    assert (read_dicom(tmp_path / "a.dcm") == read_dicom(tmp_path / "b.dcm")).all()


@pytest.mark.parametrize("bits", [12, 16])
def test_monochrome1_is_inverted(tmp_path, write_dicom, bits):
    stored = radiograph(highest=2**bits - 1)
    write_dicom(tmp_path / "bright.dicom", stored, bits=bits)
    write_dicom(tmp_path / "dark.dicom", 2**bits - 1 - stored, kind="MONOCHROME1", bits=bits)
    assert (read_dicom(tmp_path / "bright.dicom") == read_dicom(tmp_path / "dark.dicom")).all()


@pytest.mark.parametrize("kind", ["MONOCHROME1", "MONOCHROME2"])
def test_window_and_rescale_are_ignored(tmp_path, write_dicom, kind):
    write_dicom(tmp_path / "plain.dicom", radiograph(), kind=kind)
    attributes = {"WindowCenter": 300, "WindowWidth": 50, "RescaleSlope": 2, "RescaleIntercept": -100}
    write_dicom(tmp_path / "windowed.dicom", radiograph(), kind=kind, **attributes)
    assert (read_dicom(tmp_path / "plain.dicom") == read_dicom(tmp_path / "windowed.dicom")).all()


@pytest.mark.parametrize(("shape", "expected"), [((2048, 1024), (1024, 512)), ((30, 60), (512, 1024))])
def test_longest_side_becomes_1024_and_the_aspect_is_kept(tmp_path, write_dicom, shape, expected):
    write_dicom(tmp_path / "a.dicom", radiograph(shape))
    assert read_dicom(tmp_path / "a.dicom").shape == expected
    assert read_size(tmp_path / "a.dicom") == shape


def test_dicoms_are_known_by_their_names(tmp_path):
    names = ("a.dicom", "a.dcm", "A.DCM", "a.png", "dicom")
    assert [is_dicom(tmp_path / name) for name in names] == [True, True, True, False, False]


def compress_falsely(path):
    header = dcmread(path)
    header.file_meta.TransferSyntaxUID = JPEGLSLossless
    header.PixelData = encapsulate([b"\xff\xd8 no image at all"])
    header["PixelData"].is_undefined_length = True
    header.save_as(path, enforce_file_format=True)


def drop(*names):
    def act(path):
        header = dcmread(path)
        for name in names:
            delattr(header, name)
        header.save_as(path, enforce_file_format=True)

    return act


DAMAGES = {
    "missing": (lambda path: path.unlink(), r"a\.dicom: cannot be read \(No such file or directory\)"),
    "no DICOM": (lambda path: path.write_bytes(b"\x89PNG" * 100), r"a\.dicom: is no DICOM file"),
    "empty": (lambda path: path.write_bytes(b""), r"a\.dicom: is no DICOM file"),
    "cut off": (
        lambda path: path.write_bytes(path.read_bytes()[:-1000]),
        r"a\.dicom: its pixels cannot be decoded \(.+\)$",
    ),
    "no pixels": (drop("PixelData"), r"a\.dicom: its pixels cannot be decoded \(.+\)$"),
    "no kind": (drop("PhotometricInterpretation"), "its photometric interpretation is absent; allowed: MONO"),
    "no decoder": (
        compress_falsely,
        r"a\.dicom: its pixels cannot be decoded .*; it is compressed as JPEG-LS Lossless Image Compression: "
        r"pip install 'pylibjpeg\[all\]' to decode it$",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_one_sentence(tmp_path, write_dicom, damage):
    path = tmp_path / "a.dicom"
    write_dicom(path, radiograph())
    act, sentence = DAMAGES[damage]
    act(path)
    with pytest.raises(DataError, match=sentence) as caught:
        read_dicom(path)
    assert "\n" not in str(caught.value)


def test_colour_is_refused(tmp_path, write_dicom):
    write_dicom(
        tmp_path / "a.dicom", np.zeros((8, 8, 3), np.uint8), kind="RGB", bits=8, PlanarConfiguration=0
    )
    with pytest.raises(DataError, match="photometric interpretation is RGB; allowed: MONOCHROME1, MONO"):
        read_dicom(tmp_path / "a.dicom")


def test_several_frames_are_refused(tmp_path, write_dicom):
    pixels = np.zeros((8, 4), np.uint16)
    write_dicom(tmp_path / "a.dicom", pixels, Rows=4, NumberOfFrames=2)
    with pytest.raises(
        DataError, match=r"expected one gray image of at most 16 bit, found uint16 \[2, 4, 4\]"
    ):
        read_dicom(tmp_path / "a.dicom")


@pytest.mark.parametrize("name", ["Rows", "Columns"])
def test_a_header_without_a_size_is_named(tmp_path, write_dicom, name):
    write_dicom(tmp_path / "a.dicom", radiograph())
    drop(name)(tmp_path / "a.dicom")
    with pytest.raises(DataError, match=r"a\.dicom: its header does not say how many rows and columns"):
        read_size(tmp_path / "a.dicom")

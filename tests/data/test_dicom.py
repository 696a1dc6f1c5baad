"""DICOM radiographs: what is read, against a slow definition of the same conversion, and what is refused."""

from importlib.util import find_spec

import cv2
import gdcm
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    MPEG2MPML,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from bench.data.images.decoding import check_image, read_gray
from bench.data.images.dicom import equalised
from bench.data.images.dicom_header import dicom_size, is_dicom
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
    image = read_gray(tmp_path / "a.dicom")
    assert image.dtype == np.uint8
    assert image.shape == (1024, 853)  # 80 · 1024/96 is 853.3
    expected = _reference_equalised(stored).astype(np.uint8)
    expected = cv2.resize(expected, (853, 1024), interpolation=cv2.INTER_LINEAR)
    assert _levels_apart(image, expected) <= 1


def test_signed_numbers_are_read_as_such(tmp_path, write_dicom):
    stored = radiograph(highest=2000)
    write_dicom(tmp_path / "a.dcm", stored)
    write_dicom(tmp_path / "b.dcm", stored.astype(np.int16) - 1000)
    assert (read_gray(tmp_path / "a.dcm") == read_gray(tmp_path / "b.dcm")).all()


@pytest.mark.parametrize("bits", [12, 16])
def test_monochrome1_is_inverted(tmp_path, write_dicom, bits):
    stored = radiograph(highest=2**bits - 1)
    write_dicom(tmp_path / "bright.dicom", stored, bits=bits)
    write_dicom(tmp_path / "dark.dicom", 2**bits - 1 - stored, kind="MONOCHROME1", bits=bits)
    assert (read_gray(tmp_path / "bright.dicom") == read_gray(tmp_path / "dark.dicom")).all()


@pytest.mark.parametrize(("shape", "expected"), [((2048, 1024), (1024, 512)), ((30, 60), (512, 1024))])
def test_longest_side_becomes_1024_and_the_aspect_is_kept(tmp_path, write_dicom, shape, expected):
    write_dicom(tmp_path / "a.dicom", radiograph(shape))
    assert read_gray(tmp_path / "a.dicom").shape == expected
    assert dicom_size(tmp_path / "a.dicom") == shape


def test_dicoms_are_known_by_their_names(tmp_path):
    names = ("a.dicom", "a.dcm", "A.DCM", "a.png", "dicom")
    assert [is_dicom(tmp_path / name) for name in names] == [True, True, True, False, False]


def table(entries, bits=16):
    """A look-up table of stored values from 0 on."""
    item = Dataset()
    item.LUTDescriptor = [len(entries), 0, bits]
    item.LUTData = [int(entry) for entry in entries]
    item["LUTDescriptor"].VR = item["LUTData"].VR = "US"
    return [item]


def group(name, **attributes):
    """The functional groups of a file, one of which says how values become gray."""
    inner, outer = Dataset(), Dataset()
    for key, value in attributes.items():
        setattr(inner, key, value)
    setattr(outer, name, [inner])
    return [outer]


RISING = np.linspace(0, 65535, 4096)
DARK, SLOPE = "MONOCHROME1", {"RescaleSlope": "-10", "RescaleIntercept": "3000"}
TURNS = {
    "window": ("MONOCHROME2", {"WindowCenter": 300, "WindowWidth": 50}, False),
    "slope": ("MONOCHROME2", SLOPE, True),
    "slope without intercept": ("MONOCHROME2", {"RescaleSlope": "-1"}, True),
    "rising slope": ("MONOCHROME2", {"RescaleSlope": "2", "RescaleIntercept": "-100"}, False),
    "dark": (DARK, {}, True),
    "dark and slope": (DARK, SLOPE, False),
    "inverse": ("MONOCHROME2", {"PresentationLUTShape": "INVERSE"}, True),
    "identity": ("MONOCHROME2", {"PresentationLUTShape": "IDENTITY"}, False),
    # PS3.3 C.8.11.3: of a radiograph MONOCHROME1 and INVERSE are one statement, made twice.
    "dark and inverse": (DARK, {"PresentationLUTShape": "INVERSE"}, True),
    "inverse and slope": ("MONOCHROME2", {"PresentationLUTShape": "INVERSE", **SLOPE}, False),
    "modality table": ("MONOCHROME2", {"ModalityLUTSequence": table(RISING[::-1])}, True),
    "rising modality table": ("MONOCHROME2", {"ModalityLUTSequence": table(RISING)}, False),
    "VOI table": ("MONOCHROME2", {"VOILUTSequence": table(RISING[::-1])}, True),
    "VOI table of a dark one": (DARK, {"VOILUTSequence": table(RISING[::-1])}, False),
    "two tables": (
        "MONOCHROME2",
        {"ModalityLUTSequence": table(RISING[::-1]), "VOILUTSequence": table(RISING[::-1])},
        False,
    ),
    "presentation table": ("MONOCHROME2", {"PresentationLUTSequence": table(RISING[::-1])}, True),
    "slope in a functional group": (
        "MONOCHROME2",
        {"SharedFunctionalGroupsSequence": group("PixelValueTransformationSequence", **SLOPE)},
        True,
    ),
}


@pytest.mark.parametrize("turn", TURNS)
def test_what_turns_values_turns_the_image_and_two_turns_cancel(tmp_path, write_dicom, turn):
    kind, attributes, is_turned = TURNS[turn]
    film = radiograph()
    write_dicom(tmp_path / "film.dcm", film, bits=12)
    write_dicom(tmp_path / "a.dcm", 4095 - film if is_turned else film, kind=kind, bits=12, **attributes)
    assert (read_gray(tmp_path / "a.dcm") == read_gray(tmp_path / "film.dcm")).all()


@pytest.mark.parametrize(
    ("kind", "padding"), [("MONOCHROME2", 65535), ("MONOCHROME1", 0), ("MONOCHROME2", 0)]
)
def test_padding_is_black_and_takes_no_part(tmp_path, write_dicom, kind, padding):
    film = radiograph((64, 64)) + 100
    write_dicom(tmp_path / "film.dcm", film, kind=kind)
    padded = np.full((64, 96), padding, np.uint16)
    padded[:, 32:] = film
    write_dicom(tmp_path / "a.dcm", padded, kind=kind, PixelPaddingValue=padding)
    image = cv2.resize(read_gray(tmp_path / "a.dcm"), (96, 64), interpolation=cv2.INTER_AREA).astype(float)
    whole = cv2.resize(read_gray(tmp_path / "film.dcm"), (64, 64), interpolation=cv2.INTER_AREA).astype(float)
    assert image[:, :31].max() == 0
    assert np.abs(image[:, 34:] - whole[:, 2:]).mean() < 8  # resized by other factors
    assert np.corrcoef(image[:, 34:].ravel(), whole[:, 2:].ravel())[0, 1] > 0.97


def test_a_range_of_padding_and_nothing_but_padding(tmp_path, write_dicom):
    film = radiograph((64, 64), 1000) + 100
    film[:8] = np.arange(8, dtype=np.uint16)[:, None]
    write_dicom(tmp_path / "a.dcm", film, PixelPaddingValue=0, PixelPaddingRangeLimit=7)
    assert not read_gray(tmp_path / "a.dcm")[:110].any()
    write_dicom(tmp_path / "b.dcm", film, PixelPaddingValue=0, PixelPaddingRangeLimit=60000)
    assert not read_gray(tmp_path / "b.dcm").any()


@pytest.mark.parametrize("bit", [12, 13, 15])
@pytest.mark.parametrize("offset", [0, 2048])
def test_overlays_in_unused_bits_are_cut_off(tmp_path, write_dicom, bit, offset):
    film = (radiograph().astype(np.int32) - offset).astype(np.int16 if offset else np.uint16)
    write_dicom(tmp_path / "film.dcm", film, bits=12)
    marked = film.copy()
    marked.view(np.uint16)[10:20, 10:20] ^= 1 << bit
    write_dicom(tmp_path / "a.dcm", marked, bits=12)
    assert (read_gray(tmp_path / "a.dcm") == read_gray(tmp_path / "film.dcm")).all()


def test_numbers_are_read_where_the_highest_bit_is(tmp_path, write_dicom):
    film = radiograph()
    write_dicom(tmp_path / "film.dcm", film, bits=12)
    write_dicom(tmp_path / "a.dcm", film << 4 | 5, bits=12, HighBit=15)
    assert (read_gray(tmp_path / "a.dcm") == read_gray(tmp_path / "film.dcm")).all()


def test_an_image_with_more_bits_than_its_header_says_is_refused(tmp_path, write_dicom):
    """The brightest would become dark without a word."""
    film = np.tile(np.linspace(0, 3000, 80).astype(np.uint16), (96, 1))
    write_dicom(tmp_path / "a.dcm", film, bits=11)
    with pytest.raises(DataError, match=r"a\.dcm: .*11 bits.* 3000"):
        read_gray(tmp_path / "a.dcm")


@pytest.mark.parametrize("padding", [-2000, 65535])
def test_padding_may_be_outside_of_the_stored_bits(tmp_path, write_dicom, padding):
    film = cv2.GaussianBlur(radiograph(), (0, 0), 5).astype(np.int16 if padding < 0 else np.uint16)
    padded = np.hstack([np.full((96, 40), padding, film.dtype), film])
    write_dicom(tmp_path / "a.dcm", padded, bits=12, PixelPaddingValue=padding)
    image = read_gray(tmp_path / "a.dcm")
    assert not image[:, :330].any()
    assert np.ptp(image[:, 350:]) > 200


def compress(path, syntax):
    """Compresses the file where it is."""
    kinds = {
        JPEG2000Lossless: gdcm.TransferSyntax.JPEG2000Lossless,
        JPEGLosslessSV1: gdcm.TransferSyntax.JPEGLosslessProcess14_1,
        JPEGLSLossless: gdcm.TransferSyntax.JPEGLSLossless,
        RLELossless: gdcm.TransferSyntax.RLELossless,
    }
    reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
    reader.SetFileName(str(path))
    assert reader.Read()
    change.SetTransferSyntax(gdcm.TransferSyntax(kinds[syntax]))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    assert dcmread(path).file_meta.TransferSyntaxUID == syntax


SYNTAXES = (JPEG2000Lossless, JPEGLosslessSV1, JPEGLSLossless, RLELossless)


@pytest.mark.parametrize("kind", ["u8", "u12", "u16", "i12"])
@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.keyword)
def test_compressed_images_are_those_that_were_compressed(tmp_path, write_dicom, syntax, kind):
    bits = int(kind[1:])
    film = radiograph(highest=2**bits - 1)
    if kind[0] == "i":
        film = film.astype(np.int16) - 2 ** (bits - 1)
    path = tmp_path / "a.dcm"
    write_dicom(path, film, kind="MONOCHROME1", bits=bits)
    expected = read_gray(path)
    compress(path, syntax)
    assert check_image(path, path.read_bytes()) == film.shape
    found = read_gray(path)
    assert (found == expected).all()


def drop(*names):
    def act(path):
        header = dcmread(path)
        for name in names:
            delattr(header, name)
        header.save_as(path, enforce_file_format=True)

    return act


def write_as(syntax, pixels=b"\xff\xd8 no image at all", **attributes):
    """Says that the pixels are compressed so, whatever they are."""

    def act(path):
        header = dcmread(path)
        header.file_meta.TransferSyntaxUID = syntax
        header.PixelData = encapsulate([pixels])
        header["PixelData"].is_undefined_length = True
        for name, value in attributes.items():
            setattr(header, name, value)
        header.save_as(path, enforce_file_format=True)

    return act


def relabel(syntax, was):
    """Changes the transfer syntax and nothing else."""

    def act(path):
        if was is not None:
            compress(path, was)
        content = path.read_bytes()
        old, new = (str(uid).encode() for uid in (was or ExplicitVRLittleEndian, syntax))
        size = max(len(old) + len(old) % 2, len(new) + len(new) % 2)
        assert len(old) + len(old) % 2 == size
        start = content.index(old)
        path.write_bytes(content[:start] + new.ljust(size, b"\0") + content[start + size :])

    return act


def cut(num_bytes, syntax=None):
    def act(path):
        if syntax is not None:
            compress(path, syntax)
        path.write_bytes(path.read_bytes()[:-num_bytes])

    return act


def put(**attributes):
    def act(path):
        header = dcmread(path)
        for name, value in attributes.items():
            setattr(header, name, value)
        header.save_as(path, enforce_file_format=True)

    return act


def without_pixels_and_with(name):
    def act(path):
        header = dcmread(path)
        del header.PixelData
        setattr(header, name, b"\0" * 4 * 96 * 80)
        header.save_as(path, enforce_file_format=True)

    return act


UNREADABLE = {
    "no DICOM": (lambda path: path.write_bytes(b"\x89PNG" * 100), "is no DICOM file"),
    "empty": (lambda path: path.write_bytes(b""), "is no DICOM file"),
    "cut off": (cut(1000), "is cut off: 14360 of 15360 bytes"),
    "cut off JPEG 2000": (cut(1000, JPEG2000Lossless), "cut off|damaged"),
    "cut off lossless JPEG": (cut(20, JPEGLosslessSV1), "cut off|damaged"),
    "no pixels": (drop("PixelData"), "has no pixels"),
    "no kind": (drop("PhotometricInterpretation"), "its photometric interpretation is absent; allowed: MONO"),
    "colour": (put(PhotometricInterpretation="RGB"), "photometric interpretation is RGB"),
    "palette": (put(PhotometricInterpretation="PALETTE COLOR"), "photometric interpretation is PALETTE"),
    "samples": (put(SamplesPerPixel=3, PlanarConfiguration=0), "3 samples"),
    "frames": (put(Rows=48, NumberOfFrames=2), "has 2 frames; allowed: one"),
    "frames that are not counted": (put(Rows=48), "15360 bytes of pixels, .* describes 7680"),
    "32 bits": (put(Columns=40, BitsAllocated=32, BitsStored=32, HighBit=31), "has 32 bits"),
    "floating point": (without_pixels_and_with("FloatPixelData"), "floating point"),
    "no rows": (put(Rows=0), "does not say how many rows and columns"),
    "no columns": (drop("Columns"), "does not say how many rows and columns"),
    "bits beyond those that there are": (put(BitsStored=12, HighBit=17), "does not describe its pixels"),
    "a table without entries": (put(VOILUTSequence=[Dataset()]), "does not describe its pixels"),
    "no bits": (drop("BitsAllocated"), "does not describe its pixels"),
    "no decoder": (write_as(HTJ2KLossless), r"High-Throughput.*it needs .*pylibjpeg-openjpeg"),
    "no decoder of so many bits": (
        write_as(JPEGExtended12Bit, BitsStored=12, HighBit=11),
        r"JPEG Extended.*it needs .*pylibjpeg-libjpeg",
    ),
    "film": (write_as(MPEG2MPML), "MPEG2.* cannot be decoded"),
    "not what the syntax says": (write_as(JPEG2000Lossless), "JPEG 2000 .* its pixels are something else"),
    "JPEG called JPEG 2000": (relabel(JPEG2000Lossless, JPEGLosslessSV1), "its pixels are something else"),
    "compressed, and called not": (relabel(ExplicitVRLittleEndian, JPEGLSLossless), "pixels are compressed"),
    "rows of another image": (
        lambda path: (compress(path, JPEGLosslessSV1), put(Rows=48)(path)),
        "has 96 rows and 80 columns, its header says 48",
    ),
    "columns of another image": (
        lambda path: (compress(path, JPEG2000Lossless), put(Columns=40)(path)),
        "has 96 rows and 80 columns, its header says 96 and 40",
    ),
    "rows of another JPEG-LS": (
        lambda path: (compress(path, JPEGLSLossless), put(Rows=95)(path)),
        "has 96 rows and 80 columns, its header says 95",
    ),
    "empty frame": (write_as(JPEGLosslessSV1, b"\0\0"), "its pixels are"),
}


@pytest.mark.parametrize("damage", UNREADABLE)
def test_check_and_reader_refuse_alike_in_one_sentence(tmp_path, write_dicom, damage):
    if damage.startswith("no decoder") and find_spec("pylibjpeg"):
        pytest.skip("pylibjpeg is installed")
    path = tmp_path / "a.dicom"
    write_dicom(path, radiograph())
    act, sentence = UNREADABLE[damage]
    act(path)
    said = []
    for read in (lambda: read_gray(path), lambda: check_image(path, path.read_bytes())):
        with pytest.raises(DataError, match=rf"^{path}: .*({sentence})") as caught:
            read()
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert "\n" not in said[0]


def test_a_file_that_is_missing_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match=r"a\.dicom: cannot be read \(No such file or directory\)"):
        read_gray(tmp_path / "a.dicom")


def test_damage_within_compressed_pixels_is_one_sentence(tmp_path, write_dicom):
    path = tmp_path / "a.dicom"
    write_dicom(path, radiograph())
    compress(path, JPEGLSLossless)
    content = path.read_bytes()
    path.write_bytes(content[:-6000] + bytes(5900) + content[-100:])
    with pytest.raises(DataError, match=r"a\.dicom: its pixels cannot be decoded \(.+\)$") as caught:
        read_gray(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["Rows", "Columns"])
def test_a_header_without_a_size_is_named(tmp_path, write_dicom, name):
    write_dicom(tmp_path / "a.dicom", radiograph())
    drop(name)(tmp_path / "a.dicom")
    with pytest.raises(DataError, match=r"a\.dicom: its header does not say how many rows and columns"):
        dicom_size(tmp_path / "a.dicom")

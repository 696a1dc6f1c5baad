"""PNG and JPEG: what is kept of 8 and of more bits, and what is refused."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from bench.data.images.decoding import check_image, read_gray
from bench.errors import DataError

FILM = np.add.outer(np.arange(48), 2 * np.arange(64)).astype(np.float64)
FILM /= FILM.max()


def as_numbers(brightest):
    return np.round(FILM * brightest).astype(np.uint16)


def png(path, depth, colour, rows, chunks=b"", after=b""):
    """Writes rows of bytes as a PNG of a bit depth and a colour type."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", FILM.shape[1], FILM.shape[0], depth, colour, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head)
    for kind, data in chunks or []:
        content += chunk(kind, data)
    content += chunk(b"IDAT", pixels)
    for kind, data in after or []:
        content += chunk(kind, data)
    path.write_bytes(content + chunk(b"IEND", b""))


def write_gray(path, pixels):
    cv2.imwrite(str(path), pixels)


def write_rgb(path, pixels):
    cv2.imwrite(str(path), np.stack([pixels] * 3, -1))


def write_rgba(path, pixels):
    opaque = np.full_like(pixels, np.iinfo(pixels.dtype).max)
    cv2.imwrite(str(path), np.stack([*[pixels] * 3, opaque], -1))


def write_gray_alpha(path, pixels):
    both = np.stack([pixels, np.full_like(pixels, 65535)], -1).astype(">u2")
    png(path, 16, 4, [row.tobytes() for row in both])


def write_gray_with_a_transparent_value(path, pixels):
    png(path, 16, 0, [row.tobytes() for row in pixels.astype(">u2")], [(b"tRNS", struct.pack(">H", 3))])


WRITERS = (write_gray, write_rgb, write_rgba, write_gray_alpha, write_gray_with_a_transparent_value)


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    ("brightest", "divisor"),
    [
        (255, 1),
        (300, 4),
        (1023, 4),
        (1024, 16),
        (4080, 16),
        (4095, 16),
        (16383, 64),
        (16384, 256),
        (65535, 256),
    ],
)
def test_of_16_bit_files_the_upper_eight_of_the_bits_in_use_are_kept(tmp_path, write, brightest, divisor):
    pixels = as_numbers(brightest)
    write(tmp_path / "a.png", pixels)
    found = read_gray(tmp_path / "a.png")
    assert found.dtype == np.uint8
    assert (found == pixels // divisor).all()
    assert check_image(tmp_path / "a.png", (tmp_path / "a.png").read_bytes()) == FILM.shape


def test_a_black_image_of_16_bit_is_black(tmp_path):
    write_gray(tmp_path / "a.png", np.zeros((9, 9), np.uint16))
    assert not read_gray(tmp_path / "a.png").any()


def film_of_8_bit():
    return Image.fromarray(as_numbers(255).astype(np.uint8))


KINDS = {
    "gray": ("png", lambda image: image),
    "gray and alpha": ("png", lambda image: image.convert("LA")),
    "RGB": ("png", lambda image: image.convert("RGB")),
    "RGBA": ("png", lambda image: image.convert("RGBA")),
    "palette": ("png", lambda image: image.convert("P")),
    "JPEG": ("jpg", lambda image: image),
    "RGB JPEG": ("jpg", lambda image: image.convert("RGB")),
    "CMYK JPEG": ("jpg", lambda image: image.convert("CMYK")),
}


@pytest.mark.parametrize("kind", KINDS)
def test_8_bit_images_are_taken_as_they_are(tmp_path, kind):
    suffix, convert = KINDS[kind]
    path = tmp_path / f"a.{suffix}"
    convert(film_of_8_bit()).save(path, **({"quality": 100, "subsampling": 0} if suffix == "jpg" else {}))
    assert np.abs(read_gray(path).astype(int) - as_numbers(255)).max() <= (3 if suffix == "jpg" else 0)


def test_a_jpeg_called_png_is_read(tmp_path):
    film_of_8_bit().save(tmp_path / "a.png", format="JPEG")
    assert np.abs(read_gray(tmp_path / "a.png").astype(int) - as_numbers(255)).max() < 9


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_few_bits_are_stretched_to_eight(tmp_path, depth):
    levels = 2**depth - 1
    pixels = np.round(FILM * levels).astype(np.uint8)
    bits = (pixels[..., None] >> np.arange(depth - 1, -1, -1)) & 1
    png(tmp_path / "a.png", depth, 0, [np.packbits(row.ravel()).tobytes() for row in bits])
    assert (read_gray(tmp_path / "a.png") == pixels * (255 // levels)).all()


def exif(orientation):
    found = Image.Exif()
    found[0x0112] = orientation
    return found


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("bits", [8, 12])
def test_an_image_is_turned_as_exif_says(tmp_path, orientation, bits):
    path = tmp_path / "a.png"
    pixels = as_numbers(2**bits - 1)
    Image.fromarray(pixels.astype(np.uint8) if bits == 8 else pixels).save(path, exif=exif(orientation))
    turned = {1: pixels, 3: pixels[::-1, ::-1], 6: np.rot90(pixels, -1), 8: np.rot90(pixels)}[orientation]
    found = read_gray(path)
    assert (found == turned >> (bits - 8)).all()
    assert found.shape == check_image(path, path.read_bytes())


def save_as(form, **options):
    def act(path):
        film_of_8_bit().save(path, format=form, **options)

    return act


def write_floats(path):
    ok, content = cv2.imencode(".tiff", FILM.astype(np.float32))
    assert ok
    path.write_bytes(content.tobytes())


def write_jpeg_of_12_bits(path):
    """The start of a JPEG of 12 bits, as far as a header goes."""
    save_as("JPEG")(path)
    content = path.read_bytes()
    start = content.index(b"\xff\xc0")
    path.write_bytes(content[: start + 4] + b"\x0c" + content[start + 5 :])


def write_animation(path):
    frames = [film_of_8_bit().rotate(angle) for angle in (0, 90)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def change(act):
    def whole(path):
        save_as("PNG")(path)
        path.write_bytes(act(path.read_bytes()))

    return whole


UNREADABLE = {
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "text": (lambda path: path.write_bytes(b"<html>404</html>"), "no image"),
    "cut off": (change(lambda content: content[:-40]), "cut off"),
    "cut off within the last chunk": (change(lambda content: content[:-14]), "cut off"),
    "turned bit": (change(lambda c: c[:80] + bytes([c[80] ^ 1]) + c[81:]), "damaged"),
    "TIFF": (save_as("TIFF"), "TIFF; allowed: PNG, JPEG"),
    "TIFF of floats": (write_floats, "TIFF; allowed: PNG, JPEG"),
    "BMP": (save_as("BMP"), "BMP; allowed: PNG, JPEG"),
    "JPEG 2000": (save_as("JPEG2000"), "JPEG2000; allowed: PNG, JPEG"),
    "WebP": (save_as("WEBP"), "WEBP; allowed: PNG, JPEG"),
    "DICOM": (lambda path: path.write_bytes(bytes(128) + b"DICM" + bytes(9)), "is a DICOM .* \\.dcm"),
    "JPEG of 12 bits": (write_jpeg_of_12_bits, "is a JPEG of a kind"),
    "several frames": (write_animation, "has 2 frames; allowed: one"),
}


@pytest.mark.parametrize("damage", UNREADABLE)
def test_check_and_reader_refuse_alike_in_one_sentence(tmp_path, damage):
    path = tmp_path / "a.png"
    act, sentence = UNREADABLE[damage]
    act(path)
    said = []
    for read in (lambda: read_gray(path), lambda: check_image(path, path.read_bytes())):
        with pytest.raises(DataError, match=rf"^{path}: .*{sentence}") as caught:
            read()
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert "\n" not in said[0]


def test_an_orientation_behind_the_pixels_counts_too(tmp_path):
    path = tmp_path / "a.png"
    rows = [row.tobytes() for row in as_numbers(255).astype(np.uint8)]
    png(path, 8, 0, rows, after=[(b"eXIf", exif(6).tobytes().removeprefix(b"Exif\0\0"))])
    found = read_gray(path)
    assert found.shape == check_image(path, path.read_bytes()) == FILM.shape[::-1]


def test_a_jpeg_without_its_end_is_refused(tmp_path):
    film_of_8_bit().save(tmp_path / "a.jpg")
    content = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(content[:-100])
    with pytest.raises(DataError, match=r"a\.jpg: is cut off"):
        read_gray(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes(content + bytes(500))  # as some writers do
    assert read_gray(tmp_path / "a.jpg").shape == FILM.shape


def test_pixels_are_opencvs(tmp_path):
    random = np.random.default_rng(0)
    for suffix in ("png", "jpg"):
        path = tmp_path / f"a.{suffix}"
        cv2.imwrite(str(path), random.integers(0, 256, (40, 30, 3), dtype=np.uint8))
        assert (read_gray(path) == cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)).all()


def test_names_may_hold_any_character(tmp_path):
    content = io.BytesIO()
    film_of_8_bit().save(content, format="PNG")
    path = tmp_path / "Thorax Jürgen № 1.png"
    path.write_bytes(content.getvalue())
    assert read_gray(path).shape == FILM.shape

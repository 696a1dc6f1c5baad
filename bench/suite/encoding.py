"""Text as people save it: UTF-8, or else what it seems to be and what helps."""

from bench.errors import SuiteError

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
"""Byte order marks."""


def decoded(content: bytes, where: str) -> str:
    """Returns the text, which is UTF-8 with or without a byte order mark.

    Args:
        content: of a file.
        where: the file, as messages call it.

    Raises:
        SuiteError: it is in another encoding.
    """
    if content.startswith(_UTF_16) or b"\0" in content:
        raise SuiteError(f"{where}: seems to be UTF-16, which Notepad calls Unicode; save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SuiteError(
            f"{where}:{line}: byte 0x{content[error.start]:02x} is no UTF-8; the file seems to be Latin-1 "
            "or Windows-1252; save it as UTF-8"
        ) from None

"""Text as people save it: UTF-8, or else what it seems to be and what helps."""

from bench.errors import BenchError

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
"""Byte order marks."""


def decoded(content: bytes, where: str, mistake: type[BenchError], cure: str = "save it as UTF-8") -> str:
    """Returns the text, which is UTF-8 with or without a byte order mark.

    Args:
        content: of a file.
        where: the file, as messages call it.
        mistake: what to raise.
        cure: how to make it UTF-8.

    Raises:
        BenchError: the `mistake`, if it is in another encoding.
    """
    if content.startswith(_UTF_16) or b"\0" in content:
        raise mistake(f"{where}: seems to be UTF-16, which Notepad calls Unicode; {cure}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise mistake(
            f"{where}:{line}: byte 0x{content[error.start]:02x} is no UTF-8; the file seems to be Latin-1 "
            f"or Windows-1252; {cure}"
        ) from None

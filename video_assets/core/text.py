"""Text that every file, table and terminal can hold.

Belongs here: what can be stored as UTF-8, how a name is spelled that cannot, what is called an encoding of text. Does not belong
here: what a text says (`core.captions`, `core.addresses`), which encoding a file has (`storage.encodings`).
"""

import codecs
import re

_ESCAPED_BYTE = re.compile(r"\\x([89a-f][0-9a-f])")


def is_storable(text: str) -> bool:
    """True when `text` can be written to a UTF-8 file and read back by everyone: no lone surrogates, no NUL."""
    if "\0" in text:
        return False
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def encoding_problem(name: str) -> str:
    """Why `name` is no encoding of text, in words; empty when it is one.

    >>> encoding_problem("gbk"), encoding_problem("rot13"), encoding_problem("klingon")
    ('', 'which is no encoding of text', 'which no Python codec is called')
    """
    try:
        codecs.getincrementaldecoder(name)
    except (LookupError, ValueError):  # ValueError: a NUL in it
        return "which no Python codec is called"
    try:
        "a".encode(name)
    except (LookupError, UnicodeError):  # bytes to bytes, text to text, or nothing at all ("undefined")
        return "which is no encoding of text"
    return ""


def escape(name: str) -> str:
    r"""A name as text that can be stored: bytes that are not UTF-8 and NULs become escapes.

    >>> escape("caf\udce9.mp4")
    'caf\\xe9.mp4'
    """
    chars = [f"\\x{ord(char) - 0xDC00:02x}" if "\udc80" <= char <= "\udcff" else char for char in name]
    return "".join(chars).encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def unescape(name: str) -> str:
    r"""The name of a file that is not UTF-8, from what `escape` made of it.

    >>> unescape("caf\\xe9.mp4") == "caf\udce9.mp4"
    True
    """
    return _ESCAPED_BYTE.sub(lambda match: chr(0xDC00 + int(match[1], 16)), name)

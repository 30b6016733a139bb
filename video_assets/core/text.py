"""Text that every file, table and terminal can hold.

Belongs here: what can be stored as UTF-8, and how a name is spelled that cannot. Does not belong here: what a text says
(`core.captions`, `core.addresses`), the encodings of files (`storage.encodings`).
"""


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


def escape(name: str) -> str:
    r"""A name as text that can be stored: bytes that are not UTF-8 and NULs become escapes.

    >>> escape("caf\udce9.mp4")
    'caf\\xe9.mp4'
    """
    chars = [f"\\x{ord(char) - 0xDC00:02x}" if "\udc80" <= char <= "\udcff" else char for char in name]
    return "".join(chars).encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")

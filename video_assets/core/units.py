"""Numbers as people read them: sizes, shares, durations, shortened texts.

Belongs here: one spelling for each kind of number in reports, plots and terminals.
Does not belong here: what is counted (`core.funnel`).
"""

MIB = 1024 * 1024
_SIZES = ((1024**4, "TiB"), (1024**3, "GiB"), (MIB, "MiB"), (1024, "KiB"))


def count(number: int, unit: str = "") -> str:
    """`1,312,480 clips`; one of them loses its plural s, or es.

    >>> count(1312480, "clips"), count(1, "clips"), count(1, "batches"), count(0)
    ('1,312,480 clips', '1 clip', '1 batch', '0')
    """
    ending = "es" if unit.endswith(("tches", "rches", "shes", "sses", "xes")) else "s"
    word = unit.removesuffix(ending) if number == 1 else unit
    return f"{number:,} {word}".rstrip()


def share(part: float, whole: float) -> str:
    """Part of a whole in percent; never "0 %" for something nor "100 %" for less than everything.

    >>> share(40, 100), share(1, 300), share(1, 1_000_000), share(999_999, 1_000_000), share(0, 0)
    ('40 %', '0.3 %', '<0.1 %', '>99.9 %', 'n/a')
    """
    if whole == 0:
        return "n/a"
    percent = 100.0 * part / whole
    if 0 < percent < 0.1:
        return "<0.1 %"
    if 99.9 < percent < 100:
        return ">99.9 %"
    return f"{percent:.1f}".removesuffix(".0") + " %"


def size(n_bytes: float) -> str:
    """Bytes in the largest binary unit that gives at least 1.

    >>> size(900), size(52_428_800), size(3.2 * 1024**4)
    ('900 B', '50.0 MiB', '3.2 TiB')
    """
    for factor, unit in _SIZES:
        if n_bytes >= factor:
            return f"{n_bytes / factor:,.1f} {unit}"
    return f"{n_bytes:,.0f} B"


def duration(seconds: float) -> str:
    """Seconds, minutes, or hours and minutes as h:mm.

    >>> duration(7.25), duration(245), duration(7_800_061)
    ('7.2 s', '4 min 05 s', '2,166:41 h')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    if seconds < 3599.5:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours:,}:{minutes:02d} h"


def number(value: float) -> str:
    """A measured number with at most four significant digits, thousands separated.

    >>> number(29.97003), number(0.04167), number(921600.0), number(12)
    ('29.97', '0.04167', '921,600', '12')
    """
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def shorten(text: str, max_chars: int) -> str:
    r"""One line of at most `max_chars` characters: white space folded, the end replaced by an ellipsis.

    >>> shorten("a dog\nruns  far", 9)
    'a dog ru…'
    """
    line = " ".join(text.split())
    return line if len(line) <= max_chars else line[: max_chars - 1].rstrip() + "…"


def shorten_middle(text: str, max_chars: int) -> str:
    """As `shorten`, but the middle goes: clip keys and paths differ at their ends.

    >>> shorten_middle("own_clips/holiday/beach/0001.mp4", 16)
    'own_cli…0001.mp4'
    """
    if len(text) <= max_chars:
        return text
    tail = max_chars // 2
    return f"{text[: max_chars - 1 - tail]}…{text[-tail:]}"

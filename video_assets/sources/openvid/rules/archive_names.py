"""Which files of a data set are archives, whole or in pieces, and which archives can be used.

Belongs here: names to archives. Does not belong here: what is inside an archive, asking the hub.

A data set of this shape has archives `NAME.zip` whose NAME differs by a number; one that was too large lies there in pieces that
`split` has made: `NAME_partaa`, `NAME_partab` (OpenVid), `NAME_part_aa` (its HD folder), `NAME.zip.aa`.
An archive whose pieces are not contiguous from `aa` is unusable and gets no partition; the others are used.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from video_assets.sources.hub.rules import natural

_PIECE = r"(?:\.zip)?[._-](?:part[._-]?)?(?P<letters>[a-z]{2})"


@dataclass(frozen=True)
class ArchivePlan:
    """Paths by partition key, in order; reasons by partition key of what cannot be used; sentences for the user."""

    archives: dict[str, tuple[str, ...]]
    unusable: dict[str, str]
    warnings: tuple[str, ...]


def plan_archives(paths: Iterable[str], *, pattern: str) -> ArchivePlan:
    """The archives among `paths`.

    `pattern` is the archive's path without ending, with `{number}` in it once; without a slash it is looked for in every folder.
    """
    whole, pieces = _sort_out(paths, pattern)
    archives: dict[str, tuple[str, ...]] = {}
    unusable: dict[str, str] = {}
    warnings: list[str] = []
    for number in sorted({*whole, *pieces}):
        key = partition_key(pattern, number)
        found = sorted(whole.get(number, ()), key=lambda path: (path.count("/"), path))
        if found:
            archives[key] = (found[0],)
            warnings += [f"{key}: {path} is left alone, {found[0]} is used" for path in found[1:]]
            warnings += [f"{key}: {path} is left alone, the whole {found[0]} is there too" for _, path in sorted(pieces[number])]
        elif problem := _why_unusable(pieces[number]):
            unusable[key] = problem
            warnings.append(f"{key} cannot be used: {problem}")
        else:
            archives[key] = tuple(path for _, path in sorted(pieces[number]))
            if len(archives[key]) == 1:
                warnings.append(
                    f"{key}: a single piece, {archives[key][0]}; should more be missing, the archive cannot be opened"
                )
    return ArchivePlan(archives=archives, unusable=unusable, warnings=tuple(warnings))


def partition_key(pattern: str, number: int) -> str:
    """Name of an archive's partition; keys sort as numbers do.

    >>> partition_key("OpenVid_part{number}", 7), partition_key("OpenVidHD/OpenVidHD_part_{number}", 12)
    ('openvid_part007', 'openvidhd_part012')
    """
    stem = re.sub(r"[^a-z0-9]+", "_", pattern.rpartition("/")[2].partition("{number}")[0].lower()).strip("_")
    return f"{stem or 'archive'}{number:03d}" if not stem[-1:].isdigit() else f"{stem}_{number:03d}"


def _sort_out(paths: Iterable[str], pattern: str) -> tuple[dict[int, list[str]], dict[int, list[tuple[str, str]]]]:
    """Paths of whole archives, and (letters, path) of pieces, by number."""
    folder = "" if "/" in pattern else r"(?:.*/)?"
    stem = folder + re.escape(pattern).replace(re.escape("{number}"), r"(?P<number>[0-9]+)")
    is_whole, is_piece = re.compile(stem + r"\.zip"), re.compile(stem + _PIECE)
    whole: dict[int, list[str]] = defaultdict(list)
    pieces: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for path in sorted(paths, key=natural):
        if match := is_whole.fullmatch(path):
            whole[int(match["number"])].append(path)
        elif match := is_piece.fullmatch(path):
            pieces[int(match["number"])].append((match["letters"], path))
    return whole, pieces


def _why_unusable(pieces: list[tuple[str, str]]) -> str:
    """Why these (letters, path) are not all pieces of an archive; empty when they can be."""
    letters = sorted(name for name, _ in pieces)
    expected = [chr(ord("a") + at // 26) + chr(ord("a") + at % 26) for at in range(len(letters))]
    if len(set(letters)) < len(letters):
        twice = sorted({name for name in letters if letters.count(name) > 1})
        return (
            f"piece {twice[0]!r} is there more than once ({', '.join(path for name, path in sorted(pieces) if name == twice[0])})"
        )
    missing = [name for name in expected if name not in letters]
    if missing:
        return (
            f"piece {missing[0]!r} is missing (found {', '.join(letters)}); wait until the data set is whole again, "
            "or take a revision at which it is"
        )
    return ""

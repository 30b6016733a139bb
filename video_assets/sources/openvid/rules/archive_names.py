"""Which files of a data set are archives, whole or in pieces, and which archives can be used.

Belongs here: names to archives. Does not belong here: what is inside an archive, asking the hub.

A data set of this shape has archives `NAME.zip` whose NAME differs by a number; one that was too large lies there in pieces that
follow each other byte by byte: `NAME_partaa` (OpenVid), `NAME_part_aa` (its HD folder), `NAME.zip.aa`, `NAME.zip.001`,
`NAME_part1of3`. An archive whose pieces are not contiguous is unusable and gets no partition; the others are used. So is a
spanned zip (`NAME.z01` ... `NAME.zip`), whose directory counts bytes from the start of each part.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from video_assets.sources.hub.hub_file import natural

_PIECE = (
    r"(?:(?:\.zip)?[._-](?:part[._-]?)?(?P<letters>[a-z]{2})"
    r"|\.zip\.(?P<digits>[0-9]{2,4})"
    r"|(?:\.zip)?[._-]?part[._-]?(?P<nth>[0-9]{1,4})[._-]?of[._-]?(?P<total>[0-9]{1,4})(?:\.zip)?)"
)


class _Piece(NamedTuple):
    """One piece: its place, as the name spells it and as a number; `total` is how many there are, when the name says it."""

    kind: str
    at: int
    label: str
    path: str
    total: int | None


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
    files = _sort_out(paths, pattern)
    archives: dict[str, tuple[str, ...]] = {}
    unusable: dict[str, str] = {}
    warnings: list[str] = []
    for number in sorted({*files.whole, *files.pieces, *files.spanned}):
        key = partition_key(pattern, number)
        found = sorted(files.whole.get(number, ()), key=lambda path: (path.count("/"), path))
        pieces = sorted(files.pieces.get(number, ()), key=lambda piece: (piece.at, piece.path))
        if spanned := files.spanned.get(number):
            unusable[key] = _why_not_spanned(spanned)
        elif found:
            archives[key] = (found[0],)
            warnings += [f"{key}: {path} is left alone, {found[0]} is used" for path in found[1:]]
            warnings += [f"{key}: {piece.path} is left alone, the whole {found[0]} is there too" for piece in pieces]
        elif problem := _why_unusable(pieces):
            unusable[key] = problem
        else:
            archives[key] = tuple(piece.path for piece in pieces)
            warnings += _single_piece(key, pieces)
    warnings += [f"{key} cannot be used: {problem}" for key, problem in unusable.items()]
    if files.unknown:
        warnings.append(
            f"{len(files.unknown):,} files begin like archives and are none by their names, so they are not used: "
            f"{', '.join(files.unknown[:3])}; archives end in .zip, or .zip.001, .zip.002 ... in pieces"
        )
    return ArchivePlan(archives=archives, unusable=unusable, warnings=tuple(warnings))


def partition_key(pattern: str, number: int) -> str:
    """Name of an archive's partition; keys sort as numbers do.

    >>> partition_key("OpenVid_part{number}", 7), partition_key("OpenVidHD/OpenVidHD_part_{number}", 12)
    ('openvid_part007', 'openvidhd_part012')
    """
    stem = re.sub(r"[^a-z0-9]+", "_", pattern.rpartition("/")[2].partition("{number}")[0].lower()).strip("_")
    return f"{stem or 'archive'}{number:03d}" if not stem[-1:].isdigit() else f"{stem}_{number:03d}"


@dataclass
class _Files:
    """Paths by number of the archive: whole ones, pieces, parts of spanned zips; and what only begins like an archive."""

    whole: dict[int, list[str]]
    pieces: dict[int, list[_Piece]]
    spanned: dict[int, list[str]]
    unknown: list[str]


def _sort_out(paths: Iterable[str], pattern: str) -> _Files:
    folder = "" if "/" in pattern else r"(?:.*/)?"
    stem = folder + re.escape(pattern).replace(re.escape("{number}"), r"(?P<number>[0-9]+)")
    is_whole, is_piece = re.compile(stem + r"\.zip"), re.compile(stem + _PIECE)
    is_spanned, is_alike = re.compile(stem + r"\.z[0-9]{2,3}"), re.compile(stem + r"[^0-9/][^/]*")
    files = _Files(defaultdict(list), defaultdict(list), defaultdict(list), [])
    for path in sorted(paths, key=natural):
        if match := is_whole.fullmatch(path):
            files.whole[int(match["number"])].append(path)
        elif match := is_piece.fullmatch(path):
            files.pieces[int(match["number"])].append(_piece(match, path))
        elif match := is_spanned.fullmatch(path):
            files.spanned[int(match["number"])].append(path)
        elif is_alike.fullmatch(path) and not path.endswith((".csv", ".tsv", ".json", ".txt", ".md", ".parquet")):
            files.unknown.append(path)
    return files


def _piece(match: re.Match[str], path: str) -> _Piece:
    if letters := match["letters"]:
        return _Piece("letters", (ord(letters[0]) - ord("a")) * 26 + ord(letters[1]) - ord("a"), letters, path, None)
    label = match["digits"] or match["nth"]
    return _Piece("digits", int(label), label, path, int(match["total"]) if match["total"] else None)


def _single_piece(key: str, pieces: Sequence[_Piece]) -> list[str]:
    if len(pieces) > 1 or pieces[0].total == 1:
        return []
    return [f"{key}: a single piece, {pieces[0].path}; should more be missing, the archive cannot be opened"]


def _why_not_spanned(paths: Sequence[str]) -> str:
    name = paths[0].rpartition("/")[2].rpartition(".")[0]
    return (
        f"a spanned zip ({paths[0]}), whose parts cannot be read one after the other; join them with "
        f"`zip -s 0 {name}.zip --out {name}-whole.zip` and put the result in their place"
    )


def _why_unusable(pieces: Sequence[_Piece]) -> str:
    """Why these are not all pieces of an archive, in order of their place; empty when they can be."""
    labels = [piece.label for piece in pieces]
    if len({piece.kind for piece in pieces}) > 1 or len({piece.total for piece in pieces}) > 1:
        return f"its pieces are named in several ways ({', '.join(piece.path for piece in pieces)}); leave one kind of them"
    places = [piece.at for piece in pieces]
    if len(set(places)) < len(places):
        twice = next(piece for piece, after in pairwise(pieces) if piece.at == after.at)
        same = ", ".join(piece.path for piece in pieces if piece.at == twice.at)
        return f"piece {twice.label!r} is there more than once ({same})"
    first = 0 if pieces[0].kind == "letters" or places[0] == 0 else 1
    expected = range(first, first + (pieces[0].total or len(pieces)))
    if missing := [at for at in expected if at not in places]:
        return (
            f"piece {_label(missing[0], pieces[0])!r} is missing (found {', '.join(labels)}); wait until the data set is whole "
            "again, or take a revision at which it is"
        )
    return ""


def _label(at: int, like: _Piece) -> str:
    """How a piece at this place would be spelled."""
    return chr(ord("a") + at // 26) + chr(ord("a") + at % 26) if like.kind == "letters" else str(at).zfill(len(like.label))

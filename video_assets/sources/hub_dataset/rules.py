"""Which files of a data set are fetched: clips, captions, tables, shards.

Belongs here: decisions about paths. Does not belong here: fetching (`sources.hub_dataset.fetch`).
"""

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

import pandas as pd

from video_assets.core.errors import SourceError
from video_assets.sources.hub.hub_file import HubFile, natural
from video_assets.sources.own_clips.statuses import Finding
from video_assets.sources.webdataset.rules import name_problem

_TABLES = ("metadata.csv", "metadata.jsonl", "metadata.parquet", "captions.json", "videos.txt", "prompts.txt")
_SHARD = ".tar"
NOT_SELECTED = Finding("not_selected", "not wanted by hub.files, hub.kind, hub.suffixes or hub.max_files; a file that came stays")
"""What is said of clips that the data set has and the settings do not want."""


@dataclass(frozen=True)
class Choice:
    """What the settings say: patterns of paths, kind (auto | video_folder | webdataset), endings, limits."""

    kind: str
    patterns: tuple[str, ...]
    clip_suffixes: tuple[str, ...]
    caption_suffixes: tuple[str, ...]
    captions: str | None = None
    max_files: int | None = None


@dataclass(frozen=True)
class Wanted:
    """Files to fetch as they are, shards to unpack, and how many of the data set's files are neither, by ending."""

    plain: tuple[HubFile, ...]
    shards: tuple[HubFile, ...]
    others: Mapping[str, int]
    n_clips: int


def choose(files: Mapping[str, HubFile], choice: Choice, *, where: str) -> Wanted:
    """Sort the files of a commit; `where` names it in messages.

    Raises:
        SourceError: no clip and no shard, or the captions table is not there.
    """
    if choice.captions is not None and choice.captions not in files:
        raise SourceError(f"{where}: no file {choice.captions} (hub.captions); its files begin with {_first(files)}")
    fitting = [path for path in sorted(files, key=natural) if _fits(path, choice) and not name_problem(path)]
    takes_files, takes_shards = choice.kind != "webdataset", choice.kind != "video_folder"
    clips = [path for path in fitting if takes_files and _suffix(path) in choice.clip_suffixes][: choice.max_files]
    shards = [path for path in fitting if takes_shards and _suffix(path) == _SHARD][: choice.max_files]
    if not clips and not shards:
        raise SourceError(_nothing(files, choice, where))
    texts = [path for path in fitting if clips and _is_text(path, choice)]
    plain = dict.fromkeys([*([choice.captions] if choice.captions else []), *texts, *clips])
    taken = {*plain, *shards}
    others = Counter(_suffix(path) for path in files if path not in taken)
    return Wanted(tuple(files[path] for path in plain), tuple(files[path] for path in shards), dict(others), len(clips))


def not_selected(rows: pd.DataFrame, offered: Container[str], wanted: Wanted, *, source: str) -> pd.DataFrame:
    """LEDGER lines in which clips that are `gone` only because the settings no longer want them say so.

    So do rows of tables about such clips. `offered`: paths of all files of the commit. Keys begin with `source`; a clip of a
    shard is called like the shard first.
    """
    taken = {file.path for file in (*wanted.plain, *wanted.shards)}

    def is_left(key: str) -> bool:
        parts = key.removeprefix(f"{source}/").split("/")
        above = ("/".join(parts[:n]) for n in range(1, len(parts) + 1))
        return any(path in offered and path not in taken for path in above)

    is_so = rows["reason"].isin(["gone", NOT_SELECTED.reason]) & rows["clip_key"].map(is_left).astype(bool)
    told = {"status": "skipped", "reason": NOT_SELECTED.reason, "detail": NOT_SELECTED.detail}
    return rows.assign(**{name: rows[name].mask(is_so, value) for name, value in told.items()})


def _fits(path: str, choice: Choice) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in choice.patterns)


def is_table(path: str, captions: str | None) -> bool:
    """True for tables of captions; `captions` is the one that the settings name.

    >>> is_table("train/metadata.csv", None), is_table("train/0001.txt", None), is_table("words.csv", "words.csv")
    (True, False, True)
    """
    return path == captions or path.rpartition("/")[2] in _TABLES


def _is_text(path: str, choice: Choice) -> bool:
    return is_table(path, choice.captions) or (choice.captions is None and _suffix(path) in choice.caption_suffixes)


def _suffix(path: str) -> str:
    base = path.rpartition("/")[2]
    return f".{base.rpartition('.')[2].lower()}" if "." in base else ""


def _first(files: Iterable[str]) -> str:
    return ", ".join(sorted(files, key=natural)[:5]) or "(none)"


def _nothing(files: Mapping[str, HubFile], choice: Choice, where: str) -> str:
    endings = Counter(map(_suffix, files)).most_common(5)
    told = ", ".join(f"{suffix or 'without ending'}: {n:,}" for suffix, n in endings)
    wanted = {"video_folder": "clips", "webdataset": "tar shards"}.get(choice.kind, "clips or tar shards")
    advice = (
        " Data sets of zip archives are read by [openvid] repo, archive_pattern." if any(s == ".zip" for s, _ in endings) else ""
    )
    return (
        f"{where}: no {wanted} among its {len(files):,} files ({told}) that fit hub.files = {list(choice.patterns)} and "
        f'hub.kind = "{choice.kind}".{advice}'
    )

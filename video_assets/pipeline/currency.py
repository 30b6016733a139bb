"""What the product is made from, and whether all of it is there and of one piece.

Each stage's note names the hash of what it consumed; here that chain is followed from the shards back to the ledgers. Ticks of an
automation can be lost and people click in any order, so nothing but these hashes says that a table is current.
Belongs here: following the chain, and saying where it breaks. Does not belong here: what is then written (`publish.publish`).
"""

from collections.abc import Callable, Iterator

from video_assets.core.sharding import shard_keys
from video_assets.pipeline.recipes import decode_check_recipe, size_filtered_recipe
from video_assets.pipeline.shard_lists import read_origin
from video_assets.settings.model import Settings
from video_assets.sources.ledgers import ledgers
from video_assets.storage.durable import hash_file
from video_assets.storage.layout import Layout
from video_assets.storage.stages import StageError, dropped_path, stage_hash, stage_note
from video_assets.tombstones.table import tombstones_hash

_RUN = "or type: video-assets run"
_CLICK = "materialize it (all partitions), then decode_check > Materialize… > Failed and missing"


class IncompleteInputError(StageError):
    """Shards are missing or were made from something that has changed since; the message names them and what to click or type."""


def current_inputs(layout: Layout, settings: Settings) -> dict[str, dict[str, str]]:
    """Hashes of everything that the product depends on: by shard for `decode_check` and `shard_lists`, by name for `tables`.

    Raises:
        IncompleteInputError: the shards are not complete, or not made from the tables that are there now.
        StageError: a table is torn or unreadable.
    """
    shards = shard_keys(settings.decode.n_shards)
    _refuse_other_number(layout, settings.decode.n_shards)
    _refuse(shards, list(_missing(layout, shards)), f"decode_check > Materialize… > Failed and missing, {_RUN}")
    _refuse_stale_tables(layout, settings)
    lists = {shard: stage_hash(layout.shard_list(shard)) for shard in shards}
    source = stage_hash(layout.size_filtered)
    _refuse(shards, _where(shards, lambda s: _list_problem(layout, s, lists[s], source)), f"shard_lists: {_CLICK}, {_RUN}")
    stale = _where(shards, lambda shard: _check_problem(layout, shard, lists[shard], settings))
    _refuse(shards, stale, f"decode_check: materialize these partitions again, {_RUN}")
    listed = stage_note(layout.enriched_metadata).inputs
    return {
        "decode_check": {shard: stage_hash(layout.checked(shard)) for shard in shards},
        "shard_lists": lists,
        "tables": {"size_filtered": source, "enriched_metadata": stage_hash(layout.enriched_metadata), **listed},
    }


def shards_to_check(layout: Layout, settings: Settings) -> list[str]:
    """Shards that have a list, and no decode check that was made from it by the rules and settings of now.

    Reads notes and hashes no table, so it may be asked often; `current_inputs` is the judge.
    """
    return [shard for shard in shard_keys(settings.decode.n_shards) if _is_to_check(layout, shard, settings)]


def _is_to_check(layout: Layout, shard: str, settings: Settings) -> bool:
    origin = read_origin(layout, shard)
    if origin is None:
        return False
    if not _has_check(layout, shard):
        return True
    try:
        return bool(_check_problem(layout, shard, origin.shard_lists, settings))
    except StageError:  # torn by the disk
        return True


def shard_names(shards: list[str]) -> str:
    """The first ten names, and how many more there are."""
    more = f" and {len(shards) - 10:,} more" if len(shards) > 10 else ""
    return ", ".join(shards[:10]) + more


def _refuse_other_number(layout: Layout, n_shards: int) -> None:
    """Say so when there are results, but all of them for another number of shards."""
    lists = (path.stem for path in layout.shard_list("x").parent.glob("*-of-*.parquet") if path.suffixes == [".parquet"])
    numbers = sorted({int(shard.partition("-of-")[2]) for shard in lists})
    if numbers and n_shards not in numbers:
        raise IncompleteInputError(
            f"decode.n_shards is {n_shards:,} now, the shards that are there were made for {' and '.join(map(str, numbers))}. "
            "Materialize shard_lists and decode_check together, all partitions (verdicts are kept: no clip is decoded again), "
            f"{_RUN}"
        )


def _missing(layout: Layout, shards: list[str]) -> Iterator[tuple[str, str]]:
    for shard in shards:
        if not layout.shard_list(shard).exists():
            yield shard, "have no shard list"
        elif not _has_check(layout, shard):
            yield shard, "have no decode check"


def _has_check(layout: Layout, shard: str) -> bool:
    return layout.checked(shard).exists() and dropped_path(layout.checked(shard)).exists()


def _refuse_stale_tables(layout: Layout, settings: Settings) -> None:
    """Follow size_filtered back to the ledgers."""
    note = stage_note(layout.size_filtered)
    if note.inputs.get("enriched_metadata") != stage_hash(layout.enriched_metadata):
        raise IncompleteInputError(f"size_filtered was made from another enriched_metadata: materialize size_filtered, {_RUN}")
    max_bytes = settings.filter.max_file_size_bytes
    if note.settings != size_filtered_recipe(max_bytes=max_bytes).settings:
        raise IncompleteInputError(
            f"size_filtered was made with a limit of {note.settings.get('max_bytes'):,} bytes, the settings now say "
            f"{max_bytes:,}: materialize size_filtered, {_RUN}"
        )
    note = stage_note(layout.enriched_metadata)
    if (note.tombstones or "") != tombstones_hash(layout):
        raise IncompleteInputError(f"clips were taken down after enriched_metadata was made: materialize it, {_RUN}")
    listed = note.inputs
    paths = ledgers(layout, settings.sources)
    for name in sorted({*listed, *paths}):
        # A source that was enabled or disabled since, or a new archive: also another listing.
        path = paths.get(name)
        if path is None or not path.exists() or hash_file(path) != listed.get(name):
            raise IncompleteInputError(
                f"enriched_metadata was made from another listing of {name}: materialize enriched_metadata, {_RUN}"
            )


def _list_problem(layout: Layout, shard: str, list_hash: str, size_filtered: str) -> str:
    origin = read_origin(layout, shard)
    if origin is None:
        return "have a list of unknown origin"
    if origin.shard_lists != list_hash or origin.inputs.get("size_filtered") != size_filtered:
        return "have a list that was made from another size_filtered"
    return ""


def _check_problem(layout: Layout, shard: str, list_hash: str, settings: Settings) -> str:
    note = stage_note(layout.checked(shard))
    if note.inputs.get("shard_lists") != list_hash:
        return "were checked from another shard list"
    recipe = decode_check_recipe(settings.decode)
    if note.versions != recipe.versions:
        version = recipe.versions["checker"]
        return f"were checked by rules of another version than {version} (most verdicts are taken over without decoding)"
    if changed := sorted(name for name, value in note.settings.items() if value != recipe.settings.get(name)):
        return f"were checked with other settings ({', '.join(f'decode.{name}' for name in changed)})"
    return ""


def _where(shards: list[str], problem_of: Callable[[str], str]) -> list[tuple[str, str]]:
    return [(shard, problem) for shard in shards if (problem := problem_of(shard))]


def _refuse(shards: list[str], problems: list[tuple[str, str]], remedy: str) -> None:
    if not problems:
        return
    groups: dict[str, list[str]] = {}
    for shard, problem in problems:
        groups.setdefault(problem, []).append(shard)
    told = "; ".join(f"{len(names)} of {len(shards)} shards {what} ({shard_names(names)})" for what, names in groups.items())
    raise IncompleteInputError(f"training_csv needs every shard: {told}. {remedy}")

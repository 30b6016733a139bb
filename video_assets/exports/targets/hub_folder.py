"""A data set to hand on, as `hf upload` takes it: the table without the clips, a card, pictures, Croissant metadata.

Clips have their sources' licences and terabytes, so they stay. Their names are those that others can find them by, and the
hash of their bytes tells that they found the same; no path of this machine is in here.
"""

from collections import Counter
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from video_assets.core.funnel import funnel_from_counts
from video_assets.explain.reasons import MEANINGS
from video_assets.exports.output import Output
from video_assets.exports.rules.data_card import COLUMNS, DataSet, card, croissant
from video_assets.publish.manifest import read_published
from video_assets.report.previews import kind_of
from video_assets.report.report import read_pictures
from video_assets.storage.stages import StageError

_TABLE = "data/train.parquet"
_PICTURES = {
    "funnel": "from listed to kept",
    "drop_reasons": "what was dropped",
    "histograms": "sizes, lengths, rates, captions",
    "kept_clips": "some of the clips",
}


def write(rows: Iterator[pa.Table], out: Output) -> None:
    """Table, pictures, card, metadata.

    Raises:
        StageError: another version was published meanwhile.
    """
    seconds, n_bytes, sources = _write_table(rows, out)
    counts = out.origin.version.manifest.counts
    about = DataSet(
        name=out.origin.version.name,
        version=out.origin.version.number,
        seconds=seconds,
        n_bytes=n_bytes,
        sources={each: sources[each] for each in sorted(sources)},
        funnel=funnel_from_counts(counts.kept, counts.dropped),
        pictures=_write_pictures(out),
        table=(_TABLE, out.files[_TABLE]),
    )
    out.write("README.md", card(about, meanings=MEANINGS))
    out.write("croissant.json", croissant(about))


def _write_table(rows: Iterator[pa.Table], out: Output) -> tuple[float, int, Counter[tuple[str, str]]]:
    """Returns seconds and bytes of all clips, and clips by source and licence."""
    schema = pa.schema([column.field for column in COLUMNS])
    seconds, n_bytes, sources = 0.0, 0, Counter[tuple[str, str]]()
    with out.open(_TABLE) as file, pq.ParquetWriter(pa.PythonFile(file, mode="w"), schema, compression="zstd") as table:
        for part in rows:
            table.write_table(part.append_column("clip", out.names_for_others(part)).select(schema.names).cast(schema))
            file.n_rows += part.num_rows
            seconds += float((part.column("num_frames").to_numpy() / part.column("fps").to_numpy()).sum())
            n_bytes += int(part.column("file_size").to_numpy().sum())
            sources.update(zip(part.column("source").to_pylist(), part.column("licence").to_pylist(), strict=True))
    return seconds, n_bytes, sources


def _write_pictures(out: Output) -> dict[str, str]:
    """Meaning by file name."""
    version, layout, settings = out.origin.version, out.origin.layout, out.origin.settings
    pictures = read_pictures(layout, settings)
    if read_published(layout, settings).version != version.number:
        raise StageError(f"another version than {version.number} was published meanwhile: export again")
    written = {}
    for name, meaning in _PICTURES.items():
        picture = pictures[name]
        file_name = f"pictures/{name}.{kind_of(picture)}"
        with out.open(file_name) as file:
            file.write(picture)
        written[file_name] = meaning
    return written

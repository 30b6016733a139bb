"""Where everything lies below the data root.

Belongs here: paths, and which ledgers are there. Does not belong here: reading or writing files.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """All paths of one data root."""

    root: Path

    @property
    def settings(self) -> Path:
        """The settings that travel with the data."""
        return self.root / "video_assets.toml"

    @property
    def is_there(self) -> bool:
        """True when something was run or set here before."""
        return any((self.root / name).exists() for name in ("video_assets.toml", "raw", "metadata", "training", ".dagster"))

    def ledger(self, source: str) -> Path:
        """What a source offers: one row per listed clip."""
        return self.root / "raw" / f"{source}.parquet"

    def partition_ledger(self, source: str, partition: str) -> Path:
        """What one archive or batch of a source offers: one row per clip."""
        return self.root / "raw" / source / f"{partition}.parquet"

    def partitions(self, source: str) -> list[str]:
        """Archives or batches of a source that have a ledger, in order."""
        return sorted(path.stem for path in (self.root / "raw" / source).glob("*.parquet"))

    def fetches(self, source: str, partition: str) -> Path:
        """What became of every clip that one archive or batch was asked for."""
        return self.root / "raw" / source / "fetches" / f"{partition}.parquet"

    def fetch_parts(self, source: str, partition: str) -> Path:
        """Folder of outcomes that are not in the table yet, one JSONL file per writer."""
        return self.root / "raw" / source / "fetches" / f"{partition}.parts"

    def clips_folder(self, source: str, partition: str) -> Path:
        """Clips that were fetched from one archive or batch."""
        return self.root / "clips" / source / partition

    def unpacked(self, source: str) -> Path:
        """Folder of shards that were unpacked, each in a folder that is called as its tar."""
        return self.root / "clips" / source

    def broken(self, source: str) -> Path:
        """Clips that do not decode and were fetched only once, by archive."""
        return self.root / "raw" / source / "broken.json"

    def archives_folder(self, source: str) -> Path:
        """Archives that are kept, where the settings say so."""
        return self.root / "archives" / source

    def captions(self, source: str) -> Path:
        """Captions that a source offers: one row per clip that it has a caption of."""
        return self.root / "raw" / f"{source}.captions.parquet"

    def listing(self, source: str, revision: str) -> Path:
        """What a source offers at one revision."""
        return self.root / "listings" / source / f"{revision}.json"

    def source_videos(self, source: str, partition: str) -> Path:
        """Folder of web videos that are being cut; empty between runs."""
        return self.root / "raw" / source / "sources" / partition

    def survey_parts(self, source: str) -> Path:
        """Folder of what sites said when a sample of web videos was asked for, one JSONL file per writer."""
        return self.root / "raw" / source / "survey.parts"

    def pauses(self, source: str) -> Path:
        """Until when which site is left alone."""
        return self.root / "raw" / source / "pauses.json"

    def lease(self, kind: str, name: str) -> Path:
        """Held by the run that works on one thing: an archive or batch (`kind` is its source), a shard (`decode_check`), ..."""
        return self.root / "leases" / kind / name

    @property
    def versions_lease(self) -> Path:
        """Held by whoever writes versions."""
        return self.lease("training_csv", "versions")

    @property
    def own_clips_origin(self) -> Path:
        """What the ledger of the user's own clips was made from."""
        return self.root / "raw" / "own_clips.origin.json"

    def notes(self, source: str) -> Path:
        """What the user should know of the last listing of a source."""
        return self.root / "raw" / f"{source}.notes.json"

    def fetched(self, source: str) -> Path:
        """Which single files of a source were fetched and verified, and what they looked like then."""
        return self.root / "raw" / f"{source}.fetched.json"

    @property
    def own_clips_watch(self) -> Path:
        """What the sensor of the clips folder saw last."""
        return self.root / "raw" / "own_clips.watch.json"

    @property
    def enriched_metadata(self) -> Path:
        """Clips with caption and measurements."""
        return self.root / "metadata" / "enriched_metadata.parquet"

    @property
    def probe_parts(self) -> Path:
        """Folder of probe results not yet in the table, one JSONL file per writer."""
        return self.root / "metadata" / "probes.parts"

    @property
    def size_filtered(self) -> Path:
        """Clips that are small enough."""
        return self.root / "filter" / "size_filtered.parquet"

    def shard_list(self, shard: str) -> Path:
        """Clips of one shard, before the check."""
        return self.root / "decode" / "shard_lists" / f"{shard}.parquet"

    def shard_origin(self, shard: str) -> Path:
        """What a shard list was made from."""
        return self.root / "decode" / "shard_lists" / f"{shard}.origin.json"

    @property
    def verdicts_folder(self) -> Path:
        """Every verdict ever given: one compacted table per shard, plus the parts of running shards."""
        return self.root / "decode" / "verdicts"

    def verdicts(self, shard: str) -> Path:
        """Compacted verdicts of one shard."""
        return self.verdicts_folder / f"{shard}.parquet"

    def verdict_parts(self, shard: str) -> Path:
        """Folder of verdicts not yet compacted, one JSONL file per writer."""
        return self.verdicts_folder / f"{shard}.parts"

    def checked(self, shard: str) -> Path:
        """Clips of one shard with their verdicts."""
        return self.root / "decode" / "checked" / f"{shard}.parquet"

    def checked_by(self, shard: str) -> Path:
        """Where a shard was checked, when that was told."""
        return self.root / "decode" / "checked_by" / f"{shard}.json"

    def undelivered_by(self, node: str) -> Path:
        """How many shards in a row a node's storage did not deliver."""
        return self.root / "decode" / "undelivered_by" / node

    @property
    def slurm_arrays(self) -> Path:
        """Folder of the job arrays that were submitted to Slurm, one folder each."""
        return self.root / "decode" / "slurm"

    @property
    def training(self) -> Path:
        """Folder of the product."""
        return self.root / "training"

    def training_csv(self, name: str) -> Path:
        """The product."""
        return self.training / f"{name}.csv"

    def training_table(self, name: str) -> Path:
        """The product's Parquet twin."""
        return self.training / f"{name}.parquet"

    def manifest(self, name: str) -> Path:
        """What the product was made from."""
        return self.training / f"{name}.manifest.json"

    @property
    def versions(self) -> Path:
        """Folder of the publications, one folder each."""
        return self.training / "versions"

    @property
    def dropped(self) -> Path:
        """Every clip that is not in the training CSV, with stage and reason."""
        return self.training / "dropped.parquet"

    @property
    def report(self) -> Path:
        """Folder of the report: its page and pictures."""
        return self.training / "report"

    @property
    def report_page(self) -> Path:
        """The report as one file, pictures and all."""
        return self.report / "index.html"

    def export(self, target: str) -> Path:
        """Folder of one export. No dots: a trainer takes the first dot of a path for the end of its name."""
        return self.root / "exports" / target.replace(".", "-")

    @property
    def census(self) -> Path:
        """Folder of the census of each trainer that the settings name."""
        return self.root / "census"

    @property
    def exclusions(self) -> Path:
        """Clips that a person wants left out."""
        return self.root / "exclude.csv"

    @property
    def thumbnails(self) -> Path:
        """Folder of pictures of clips, for the page that shows them; may be deleted at any time."""
        return self.root / "look" / "thumbnails"

    @property
    def look_tables(self) -> Path:
        """Folder of what the page that shows clips made of the tables, captions too; may be deleted at any time."""
        return self.root / "look" / "tables"

    @property
    def training_pieces(self) -> Path:
        """What the pieces of the newest version were made from; may be deleted at any time."""
        return self.root / "about" / "training_pieces.json"

    @property
    def caption_marks(self) -> Path:
        """What the report found in the captions of each row group; may be deleted at any time."""
        return self.root / "about" / "caption_marks.arrow"

    def about(self, asset: str) -> Path:
        """What the UI shows of an asset's table, kept until the table changes."""
        return self.root / "about" / f"{asset}.json"

    @property
    def takedowns(self) -> Path:
        """Folder of what was taken down: requests, reports, tombstones. The one folder to never delete."""
        return self.root / "takedown"

    @property
    def tombstones(self) -> Path:
        """What must never come back."""
        return self.takedowns / "tombstones.parquet"

    @property
    def dagster_home(self) -> Path:
        """Dagster's own state (SQLite: one machine, not on network storage)."""
        return self.root / ".dagster"

"""What a take-down did, as values and as a page that can be shown to the person who asked for it.

Belongs here: the words. Does not belong here: removing anything (`takedown.take_down`).
"""

from collections import Counter
from dataclasses import asdict, dataclass, field

from video_assets.core.json_values import JsonObject
from video_assets.core.units import count


@dataclass(frozen=True)
class FoundClip:
    """A clip that a request's line (`cause`) names. `reason` is its ledger's; `content_hash` the xxh3-128 of its bytes."""

    clip_key: str
    cause: str
    source: str = ""
    path: str = ""
    reason: str = ""
    content_hash: str = ""


@dataclass(frozen=True)
class Removal:
    """What became of a clip's file: `outcome` is removed | was gone already | failed | not ours.

    `sidecars`: names of caption files that were deleted with it; `shared_sidecars`: those that stay, and why.
    """

    clip: FoundClip
    outcome: str
    detail: str = ""
    n_bytes: int = 0
    sha256: str = ""
    sidecars: tuple[str, ...] = ()
    shared_sidecars: tuple[str, ...] = ()


@dataclass(frozen=True)
class TakedownReport:
    """One request.

    `lines`: what was asked for, with the number of clips; `unmatched`: lines without a clip, with what is kept out for them;
    `refused`: lines that were not understood, with the reason; `repeated`: lines that name what another line names. `tables`:
    rows taken out by file below the data root; `versions`: rows by number of the publication; `exports`: those that were
    removed; `foreign_exports`: folders among them that no export made; `n_drafts`: unfinished files that are still there.
    """

    id: str
    lines: dict[str, int]
    unmatched: dict[str, str]
    refused: dict[str, str]
    removals: tuple[Removal, ...]
    tables: dict[str, int]
    repeated: dict[str, str] = field(default_factory=dict)
    comments: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    versions: dict[str, int] = field(default_factory=dict)
    exports: tuple[str, ...] = ()
    foreign_exports: tuple[str, ...] = ()
    published: str = ""
    n_drafts: int = 0

    @property
    def is_complete(self) -> bool:
        """Every line was understood, and nothing that should be gone is still there."""
        return not self.problems and not self.refused and all(removal.outcome != "failed" for removal in self.removals)

    def as_record(self) -> JsonObject:
        """JSON-able."""
        return {**asdict(self), "is_complete": self.is_complete, "still_to_do": list(still_to_do(self))}


def still_to_do(report: TakedownReport) -> list[str]:
    """What this program cannot remove, and what it failed to remove."""
    failed = [f"{r.clip.path}: {r.detail}" for r in report.removals if r.outcome == "failed"]
    links = [f"{r.clip.path}: {r.detail}" for r in report.removals if r.outcome == "removed" and r.detail]
    shared = [
        f"a caption file that stays: {told}; look whose words it holds" for r in report.removals for told in r.shared_sidecars
    ]
    unread = [f"not understood, so nothing was done for it: `{line}` ({why})" for line, why in report.refused.items()]
    unfinished = [f"could not be deleted: {line}" for line in dict.fromkeys(failed)] + [
        f"could not be cleaned: {p}" for p in report.problems
    ]
    shards = sorted({folder + ".tar" for r in report.removals for folder in r.clip.clip_key.split(".tar/")[:-1]})
    packed = [f"the tar files that these clips were unpacked from still hold them: {', '.join(shards)}"] if shards else []
    foreign = [
        f"no export made {folder}, so it is not touched: look whether it holds these clips" for folder in report.foreign_exports
    ]
    files = count(report.n_drafts, "unfinished files")
    why = f"{files} of runs that go on, or were killed within the hour, can hold captions: run this command again in an hour"
    return [
        *unread,
        *unfinished,
        *([why] if report.n_drafts else []),
        *dict.fromkeys(links),
        *dict.fromkeys(shared),
        *packed,
        *foreign,
        "the captions table that the user keeps, and exclude.csv, when they name these clips: they are the user's own files",
        "tables that were fetched as they are and name these clips: MiraData's in `listings/`, a data set's in `clips/hub/`",
        "backups and snapshots of the storage, and copies that people made of the CSV or of clips",
        "trainings that read one of the publications named above, their caches and their checkpoints",
        "Dagster's history of earlier runs, whose previews can show captions and pictures: video-assets clean-up --keep-days 0",
        "the place where the clips were fetched from",
    ]


def report_markdown(report: TakedownReport) -> str:
    """The page."""
    outcomes = Counter(removal.outcome for removal in report.removals)
    told = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(outcomes.items())) or "no clip was there"
    state = "complete" if report.is_complete else "**not complete, see the end**"
    parts = [
        f"# Take-down {report.id}\n",
        f"Asked for: {_asked(report)}. Clips: {len(report.removals):,} ({told}). State: {state}.\n",
        "From now on none of these clips is listed, fetched or published again, under these names or with the same bytes.\n",
        "## Lines\n",
        _lines(_answers(report), "none"),
        "\n## Clips\n",
        _clips(report),
        "\n## Publications that had them\n",
        _lines([f"version {name}: {rows:,} rows removed" for name, rows in report.versions.items()], "none that is still kept"),
        f"\nPublished without them: {report.published or 'not yet, see the end'}.\n",
        "## Exports that were removed as a whole\n",
        _lines([f"`exports/{name}`" for name in report.exports], "none"),
        "\n## Working tables\n",
        _lines([f"`{name}`: {rows:,} rows" for name, rows in report.tables.items()], "none"),
        "\n## What remains to be done elsewhere\n",
        _lines(still_to_do(report), ""),
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _asked(report: TakedownReport) -> str:
    n_lines = len(report.lines) + len(report.refused) + len(report.repeated)
    return count(n_lines, "lines") + (f", {len(report.refused):,} of them not understood" if report.refused else "")


def _answers(report: TakedownReport) -> list[str]:
    """One answer for each line of the request."""
    answers = {line: f"matched {count(n_clips, 'clips')}" for line, n_clips in report.lines.items()}
    answers |= {line: f"nothing here matches; kept out from now on ({keys})" for line, keys in report.unmatched.items()}
    answers |= {line: f"**not understood**, so nothing was done for it: {why}" for line, why in report.refused.items()}
    answers |= {line: f"the same as `{other}`" for line, other in report.repeated.items()}
    answers |= dict.fromkeys(report.comments, "read as a comment")
    return [f"`{line}`: {answer}" for line, answer in answers.items()]


def _clips(report: TakedownReport) -> str:
    if not report.removals:
        return "none"
    rows = [
        f"| {_cell(r.clip.clip_key)} | {_cell(r.clip.cause)} | {_cell(_became(r))} | {r.n_bytes:,} | "
        f"{r.sha256 or r.clip.content_hash} |"
        for r in report.removals
    ]
    return "\n".join(["| clip | asked for as | file | bytes | SHA-256, else xxh3-128 |", "|---|---|---|---:|---|", *rows])


def _became(removal: Removal) -> str:
    """What became of the file; names the caption files that went with it."""
    return removal.outcome + (f", caption files deleted: {', '.join(removal.sidecars)}" if removal.sidecars else "")


def _lines(lines: list[str], nothing: str) -> str:
    return "\n".join(f"* {line}" for line in lines) or nothing


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")

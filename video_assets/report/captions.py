"""What the captions of a published table are like: how long, how many say the same, what may be wrong with them.

The table is read a few thousand rows at a time and only a length and a hash are kept of each caption: all captions of a large
set are gigabytes. Of row groups that were looked at before, nothing is read again.
Belongs here: reading and counting. Does not belong here: what is wrong with a caption (`report.rules.caption_lint`), what is kept
of a row group (`report.caption_marks`), drawing (`report.histograms`).
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version as installed_version
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from video_assets.core.errors import MendableError
from video_assets.core.funnel import Funnel
from video_assets.core.units import shorten
from video_assets.publish.segments import segments_of
from video_assets.report.caption_marks import KnownParts, Part
from video_assets.report.rules.caption_lint import FINDINGS, CaptionCount, marks_of, script_names
from video_assets.report.rules.caption_record import CaptionExample, CaptionFinding, CaptionRecord, WordCounts
from video_assets.select.rules.limits import caption_words
from video_assets.settings.steps import Report as ReportSettings
from video_assets.storage.durable import hash_file
from video_assets.storage.row_groups import opened, rows_at

_MAX_CHARS = 120
_N_EXAMPLES = 3


class TokenizerError(MendableError):
    """Tokens cannot be counted; the message says what to install or to set."""


@dataclass(frozen=True)
class CaptionFacts:
    """`words`: how many each published caption has; `uses`: of each different caption, how many clips have it.

    `n_empty`: clips that were dropped because their caption was empty, of `n_captioned` that came so far. `findings`: by name,
    how many clips, and the first of them (path, text). `other_scripts`: captions by script.
    """

    words: np.ndarray
    uses: np.ndarray
    n_empty: int
    n_captioned: int
    findings: Mapping[str, CaptionFinding] = field(default_factory=dict)
    other_scripts: Mapping[str, int] = field(default_factory=dict)

    @property
    def record(self) -> CaptionRecord:
        """The same without the columns."""
        percentiles = np.percentile(self.words, [0, 50, 95, 100]) if len(self.words) else np.zeros(4)
        return CaptionRecord(
            clips=len(self.words),
            different=len(self.uses),
            words=WordCounts(*(int(n_words) for n_words in percentiles)),
            findings=self.findings,
            other_scripts=self.other_scripts,
        )


def caption_facts(
    table: Path, counted: Funnel, settings: ReportSettings | None = None, *, memory: Path | None = None
) -> CaptionFacts:
    """From the product's Parquet twin and its funnel.

    Args:
        table: the twin.
        counted: its funnel.
        settings: limits on captions.
        memory: where to keep what was found in each row group; None: nowhere.

    Raises:
        FileNotFoundError, StageError: there is no readable table.
        TokenizerError: tokens are to be counted, and cannot be.
    """
    limits = _Limits(settings or ReportSettings())
    words, hashes, found = [np.empty(0)], [np.empty(0, np.uint64)], CaptionCount()
    for part in _parts(table, limits, memory):
        words.append(part.words)
        hashes.append(part.hashes)
        found.take(part.marks)
    found.close()
    _, first, uses = np.unique(np.concatenate(hashes), return_index=True, return_counts=True)
    n_empty = sum(drop.clips for drop in counted.drops if drop.reason == "empty_caption")
    found.counts["repeated"] = int(uses[uses > 1].sum())
    found.rows["repeated"] = _most_used(first, uses)
    return CaptionFacts(
        words=np.concatenate(words),
        uses=uses,
        n_empty=n_empty,
        n_captioned=counted.kept + n_empty,
        findings=_findings(table, found, limits.names),
        other_scripts=script_names(found.rare_scripts),
    )


def _parts(table: Path, limits: "_Limits", memory: Path | None) -> Iterator[Part]:
    """What each row group of the table shows."""
    known = KnownParts(memory, limits.recipe)
    with opened(table) as file:
        keys = [segment.fingerprint for segment in segments_of(file.metadata)] or [""] * file.num_row_groups
        for index, key in enumerate(keys):
            yield known.part(key, lambda index=index: _looked_at(file.read_row_group(index, ["text"]), limits))
    known.keep()


def _looked_at(rows: pa.Table, limits: "_Limits") -> Part:
    captions = pa.concat_arrays(rows.column("text").chunks) if rows.num_rows else pa.array([], pa.string())
    words = caption_words(pd.Series(captions, dtype=pd.ArrowDtype(pa.string())))
    hashes = pd.util.hash_array(captions.to_numpy(zero_copy_only=False), categorize=False)
    return Part(words, hashes, marks_of(captions, limits.over(captions, words)))


class _Limits:
    """The limits that the settings name, and which captions are over them."""

    def __init__(self, settings: ReportSettings) -> None:
        self._max_words, self._max_tokens = settings.max_caption_words, settings.max_caption_tokens
        self._tokenizer = settings.tokenizer
        self._n_tokens = None if settings.tokenizer is None else token_counter(settings.tokenizer)

    @property
    def recipe(self) -> str:
        """What decides, beside a caption, what is found in it; a tokenizer by its bytes."""
        tokenizer = "" if self._tokenizer is None else hash_file(self._tokenizer)
        libraries = [f"{name} {installed_version(name)}" for name in ("video_assets", "ftfy", "fonttools", "pyarrow")]
        return json.dumps([*libraries, self._max_words, self._max_tokens, tokenizer])

    @property
    def names(self) -> list[str]:
        """Findings that are looked for: those about limits only where there is one."""
        limits = {"too_many_words": self._max_words, "too_many_tokens": self._max_tokens}
        return [name for name in FINDINGS if limits.get(name, 0) is not None]

    def over(self, captions: pa.StringArray, words: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.bool_]]:
        """By limit, which captions are over it."""
        found = {}
        if self._max_words is not None:
            found["too_many_words"] = words > self._max_words
        if self._max_tokens is not None and self._n_tokens is not None:
            found["too_many_tokens"] = self._n_tokens(captions.to_pylist()) > self._max_tokens
        return found


def token_counter(path: Path) -> Callable[[list[str]], npt.NDArray[np.int64]]:
    """Counts tokens of texts as the tokenizer in a tokenizer.json does, with the marks that it adds and without truncation.

    Raises:
        TokenizerError: the package tokenizers is not installed, or the file is not one of its.
    """
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise TokenizerError(
            "report.max_caption_tokens needs the package tokenizers: pip install 'video_assets[tokens]', or unset it"
        ) from None
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the package raises plain Exception
        raise TokenizerError(f"report.tokenizer {path} is no readable tokenizer.json: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda texts: np.fromiter((len(each) for each in tokenizer.encode_batch_fast(texts)), np.int64, len(texts))


def _most_used(first: npt.NDArray[np.int64], uses: npt.NDArray[np.int64]) -> list[int]:
    """Rows of the captions that most clips have."""
    order = np.argsort(-uses, kind="stable")[:_N_EXAMPLES]
    return sorted(first[order[uses[order] > 1]].tolist())


def _findings(table: Path, found: CaptionCount, names: list[str]) -> dict[str, CaptionFinding]:
    wanted = sorted({row for name in names for row in found.rows.get(name, [])})
    shown = dict(zip(wanted, rows_at(table, wanted, ["path", "text"]), strict=True))
    return {
        name: CaptionFinding(
            found.counts[name],
            tuple(CaptionExample(shown[row][0], shorten(shown[row][1], _MAX_CHARS)) for row in found.rows.get(name, [])),
        )
        for name in names
    }

"""What the captions of a published table are like: how long, how many say the same, how many clips had none.

The table is read a few thousand rows at a time and only a length and a hash are kept of each caption: all captions of a large
set are gigabytes. Belongs here: those numbers. Does not belong here: drawing them (`report.plots`).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from video_assets.core.funnel import Funnel
from video_assets.storage.row_groups import groups, opened


@dataclass(frozen=True)
class CaptionFacts:
    """`lengths`: characters of each published caption; `uses`: of each different one, how many clips have it.

    `n_empty`: clips that were dropped because their caption was empty, of `n_captioned` that came so far.
    """

    lengths: np.ndarray
    uses: np.ndarray
    n_empty: int
    n_captioned: int


def caption_facts(table: Path, counted: Funnel) -> CaptionFacts:
    """From the product's Parquet twin and its funnel.

    Raises:
        FileNotFoundError, StageError: there is no readable table.
    """
    lengths, hashes = [np.empty(0, np.int32)], [np.empty(0, np.uint64)]
    with opened(table) as file:
        for rows in groups(file, ["text"]):
            captions = rows.column("text").combine_chunks()
            lengths.append(pc.call_function("utf8_length", [captions]).to_numpy(zero_copy_only=False))
            hashes.append(pd.util.hash_array(captions.to_numpy(zero_copy_only=False), categorize=False))
    _, uses = np.unique(np.concatenate(hashes), return_counts=True)
    n_empty = sum(drop.clips for drop in counted.drops if drop.reason == "empty_caption")
    return CaptionFacts(np.concatenate(lengths), uses, n_empty, counted.kept + n_empty)

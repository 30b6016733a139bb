"""What must be true of a published table: each rule looks at tables and says pass or not, with numbers.

Belongs here: the rules. Does not belong here: reading tables (`publish.audit`), Dagster's check results (`defs.training`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from video_assets.core.funnel import Funnel
from video_assets.core.matching import repeated
from video_assets.core.outliers import log_tail, shard_outliers
from video_assets.core.schema import TableSpec
from video_assets.core.units import count, share
from video_assets.publish.rules.names import ADVICE
from video_assets.select.rules import licences, limits, lint
from video_assets.sources.openvid.rules.members import NOT_WANTED

_FALSE_ALARM = 0.001
# What the user did not ask for is no loss.
_UNASKED = frozenset({*NOT_WANTED, "not_a_clip", *limits.REASONS, *licences.REASONS, *lint.REASONS})


@dataclass(frozen=True)
class CheckFinding:
    """The outcome of one rule: its name, whether it holds, a sentence, numbers that plot over time, and which clips to look at.

    `look_at` are filters of the page that shows clips, `n_clips` how many these are; none where the rule is not about clips.
    """

    name: str
    is_passed: bool
    description: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    look_at: dict[str, str] = field(default_factory=dict)
    n_clips: int = 0

    @property
    def advised(self) -> str:
        """The sentence, with what to do when the rule does not hold."""
        advice = "" if self.is_passed else ADVICE.get(self.name, "")
        return f"{self.description}. {advice}" if advice else self.description


def columns_and_types(rows: pd.DataFrame, spec: TableSpec) -> CheckFinding:
    """Exactly the contract's columns, in order, of its types."""
    wrong = [name for name, dtype in spec.dtypes.items() if name in rows and rows[name].dtype != dtype]
    is_passed = list(rows.columns) == spec.names and not wrong
    text = f"columns are {', '.join(rows.columns)}" + (f"; of another type than promised: {wrong}" if wrong else "")
    return CheckFinding("columns_and_types", is_passed, text)


def wrong_values(rows: pd.DataFrame) -> dict[str, int]:
    """By column, how many values are missing, or are numbers that are not above zero."""
    numbers = rows.select_dtypes("number").columns
    return {name: int((rows[name].fillna(0) <= 0).sum() if name in numbers else rows[name].isna().sum()) for name in rows.columns}


def no_nulls(n_rows: int, wrong: Mapping[str, int]) -> CheckFinding:
    """No value is missing, no number is zero or negative. `wrong`: sums of `wrong_values`."""
    found = {name: count for name, count in wrong.items() if count}
    text = f"missing or not positive: {found}" if found else "every value is there and positive"
    return CheckFinding("no_nulls", not found, text, {"rows": n_rows, "missing_values": sum(found.values())})


def unique_paths(paths: pd.Series) -> CheckFinding:
    """Each clip once."""
    twice = repeated(paths)
    text = f"{len(twice):,} paths occur again, first {twice.iloc[0]!r}" if len(twice) else "every path occurs once"
    return CheckFinding("unique_paths", twice.empty, text, {"repeated_paths": len(twice)})


def files_exist(n_gone: int, first: str) -> CheckFinding:
    """Every path is there with the size that was checked. `first`: of the `n_gone` for which it is not so."""
    text = f"{count(n_gone, 'files')} gone or of another size, first {first!r}" if n_gone else "every file is there, of its size"
    return CheckFinding("files_exist", not n_gone, text, {"missing_files": n_gone})


def counts_reconcile(funnel: Funnel, *, n_listed: int, n_rows: int, is_listed_since: bool = False) -> CheckFinding:
    """Listed = kept + dropped, and the CSV has the kept ones.

    `n_listed` counts the listings of now, or with `is_listed_since` those from which the CSV was made.
    """
    is_passed = funnel.listed == n_listed and funnel.kept == n_rows
    text = f"{n_listed:,} listed = {funnel.kept:,} kept + {funnel.dropped:,} dropped; the CSV has {n_rows:,} rows"
    if is_listed_since:
        text = f"{text}; clips were listed again since, which the next publication takes in"
    numbers = {"listed_clips": n_listed, "kept_clips": funnel.kept, "dropped_clips": funnel.dropped}
    return CheckFinding("counts_reconcile", is_passed, text, numbers)


def drop_rate(funnel: Funnel, *, max_drop_share: float, max_bad_share: float) -> CheckFinding:
    """Neither too many of the wanted clips dropped in all, nor too many of the decoded ones bad."""
    by_stage = {stage: sum(drop.clips for drop in drops) for stage, drops in funnel.stages}
    n_unasked = sum(drop.clips for drop in funnel.drops if drop.reason in _UNASKED)
    n_dropped, n_listed = funnel.dropped - n_unasked, funnel.listed - n_unasked
    bad = by_stage.get("decode_check", 0)
    decoded = funnel.kept + bad + by_stage.get("selected", 0) + by_stage.get("training_csv", 0)
    shares = {"drop_share": _part(n_dropped, n_listed), "bad_share": _part(bad, decoded)}
    is_passed = shares["drop_share"] <= max_drop_share and shares["bad_share"] <= max_bad_share
    text = (
        f"{share(n_dropped, n_listed)} of {n_listed:,} wanted clips dropped (limit {share(max_drop_share, 1)}), "
        f"{share(bad, decoded)} of {decoded:,} decoded clips bad (limit {share(max_bad_share, 1)})"
    )
    by_reason = {f"share_{drop.reason}": _part(drop.clips, funnel.listed) for drop in funnel.drops}
    return CheckFinding("drop_rate", is_passed, text, {**shares, **by_reason}, {"status": "dropped"}, funnel.dropped)


def no_shard_outlier(counts: pd.DataFrame, *, max_excess: float) -> CheckFinding:
    """No shard lost far more than the others. `counts`: columns shard, listed, dropped (clips)."""
    odd = shard_outliers(counts, max_excess=max_excess)
    text = "; ".join(outlier.message for outlier in odd) or f"{len(counts)} shards are alike"
    n_dropped = int(counts["dropped"].sum())
    return CheckFinding("no_shard_outlier", not odd, text, {"outlier_shards": len(odd)}, {"stage": "decode_check"}, n_dropped)


def reasons_as_before(now: Funnel, before: Funnel | None, *, max_rise: float) -> CheckFinding:
    """No reason takes a far larger share of the clips than in the version before, when that is no accident of few clips."""
    if before is None or not before.listed or not now.listed:
        return CheckFinding("reasons_as_before", True, "there is no earlier version to compare with", {"risen_reasons": 0})
    risen: dict[str, str] = {}
    for reason, clips in now.by_reason.items():
        was = before.by_reason.get(reason, 0)
        part, earlier = clips / now.listed, was / before.listed
        # Laplace's rule keeps the expected share off 0, where a single clip would be a miracle.
        if part > earlier + max_rise and log_tail(now.listed, part, (was + 1) / (before.listed + 2)) < math.log(_FALSE_ALARM):
            risen[reason] = (
                f"{reason} takes {share(clips, now.listed)} of the clips, {share(was, before.listed)} in the version before"
            )
    text = (
        "; ".join(risen.values()) + ": look at what changed there"
        if risen
        else "every reason takes about the share that it took before"
    )
    first = next(iter(risen), "")
    look_at = {"reason": first} if first else {}
    return CheckFinding("reasons_as_before", not risen, text, {"risen_reasons": len(risen)}, look_at, now.by_reason.get(first, 0))


def _part(part: int, whole: int) -> float:
    """Four digits: the UI shows every one that there is."""
    return float(f"{part / whole:.4g}") if whole else 0.0

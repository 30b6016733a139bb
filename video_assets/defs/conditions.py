"""When assets are materialized without a click. Tried against the naive versions in tests/upstream and tests/integration."""

from collections.abc import Sequence

import dagster as dg


def cheap(*, not_waiting_for: Sequence[str] = ()) -> dg.AutomationCondition:
    """As soon as something upstream is newer: for the unpartitioned chain, which costs seconds.

    Archives and batches take days, and nobody need want all of them: the chain does not wait for those that are missing or on
    their way (`not_waiting_for` names their assets), so that clips are decoded while others are still fetched.
    """
    eager = _following(dg.AutomationCondition.eager(), dg.AutomationCondition.any_deps_updated())
    if not not_waiting_for:
        return eager
    slow = dg.AssetSelection.assets(*not_waiting_for)
    for label, condition in (
        ("any_deps_missing", dg.AutomationCondition.any_deps_missing()),
        ("any_deps_in_progress", dg.AutomationCondition.any_deps_in_progress()),
    ):
        eager = eager.replace(label, condition.ignore(slow).with_label(label))
    return eager


def changed_shards() -> dg.AutomationCondition:
    """Only shards whose list has another data version: a refresh that changes nothing decodes nothing."""
    changed = dg.AutomationCondition.any_deps_match(dg.AutomationCondition.data_version_changed())
    return _following(dg.AutomationCondition.eager(), changed)


def missing_only() -> dg.AutomationCondition:
    """What was never made, as after a change of the number of shards; whoever makes what is upstream makes the rest."""
    return dg.AutomationCondition.on_missing() & _checked()


def complete_only() -> dg.AutomationCondition:
    """As soon as a shard is newer, but not while any shard is missing, in progress or failed."""
    failed = dg.AutomationCondition.any_deps_match(dg.AutomationCondition.execution_failed())
    return _following(dg.AutomationCondition.eager(), dg.AutomationCondition.any_deps_updated()) & ~failed


def _following(eager: dg.AutomationCondition, updated: dg.AutomationCondition) -> dg.AutomationCondition:
    """`eager` that follows `updated` and other code versions (`defs.code_versions`), and not below failed checks."""
    return eager.replace("any_deps_updated", updated | dg.AutomationCondition.code_version_changed()) & _checked()


def _checked() -> dg.AutomationCondition:
    """Not below an asset whose blocking checks have not passed: Dagster holds back what is in the same run, not other runs.

    What is asked for in the same tick is in the same run. (Dagster's `all_deps_blocking_checks_passed` asks that of the checks;
    they have no condition of their own: the chain would take a run, and half a minute, per asset.)
    """
    passed = dg.AutomationCondition.all_checks_match(dg.AutomationCondition.check_passed(), blocking_only=True)
    in_this_run = dg.AutomationCondition.will_be_requested()
    return dg.AutomationCondition.all_deps_match(passed | in_this_run).with_label("all_deps_checked")

"""When assets are materialized without a click. Tried against the naive versions in tests/upstream and tests/integration."""

import dagster as dg


def cheap() -> dg.AutomationCondition:
    """As soon as something upstream is newer: for the unpartitioned chain, which costs seconds."""
    return dg.AutomationCondition.eager()


def changed_shards() -> dg.AutomationCondition:
    """Only shards whose list has another data version: a refresh that changes nothing decodes nothing."""
    changed = dg.AutomationCondition.any_deps_match(dg.AutomationCondition.data_version_changed())
    return dg.AutomationCondition.eager().replace("any_deps_updated", changed)


def complete_only() -> dg.AutomationCondition:
    """As soon as a shard is newer, but not while any shard is missing, in progress or failed."""
    failed = dg.AutomationCondition.any_deps_match(dg.AutomationCondition.execution_failed())
    return dg.AutomationCondition.eager() & ~failed

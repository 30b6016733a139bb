"""Names of the rules that published tables are held against, with what each one means. Kept without pandas: definitions read it.

Belongs here: names, meanings, advice. Does not belong here: the rules themselves (`publish.rules.checks`).
"""

METADATA_RULES = {
    "metadata_reconciles": "every clip that a source listed is in enriched_metadata exactly once, kept or dropped",
}

TRAINING_RULES = {
    "columns_and_types": "exactly the nine columns, in order, of their types",
    "no_nulls": "no value is missing, no number is zero or negative",
    "unique_paths": "every path occurs once",
    "files_exist": "every file is there and has the size that was checked",
    "counts_reconcile": "listed = kept + dropped, and the CSV has the kept ones",
    "every_clip_has_a_verdict": "every clip of every shard was decoded",
    "drop_rate": "not more clips dropped, and not more decoded clips bad, than `checks` in the settings allows",
    "no_shard_outlier": "no shard lost far more clips than the others: that would be a machine, not the clips",
    "reasons_as_before": "no reason drops a far larger share of the clips than in the version before (a warning)",
    "manifest_matches": "CSV, Parquet twin, dropped table and manifest are of one run",
}

_AGAIN = "Materialize training_csv again."

ADVICE = {
    "metadata_reconciles": "Materialize enriched_metadata again.",
    "columns_and_types": _AGAIN,
    "no_nulls": _AGAIN,
    "unique_paths": _AGAIN,
    "files_exist": "Bring the files back. Or run everything again: own clips and those of a data set on the hub are listed "
    "as they are now. Those of OpenVid and MiraData come again when their archive or batch is materialized (without a browser: "
    "delete its table raw/SOURCE/PARTITION.parquet, then run).",
    "counts_reconcile": _AGAIN,
    "every_clip_has_a_verdict": "Materialize the shards of decode_check again, then training_csv.",
    "drop_rate": "Look at the storage and at the reasons. When it is the clips after all, raise checks.max_drop_share or "
    "checks.max_bad_share.",
    "no_shard_outlier": "When it is the clips after all, raise checks.max_shard_excess.",
    "manifest_matches": _AGAIN,
}
"""What a person does when a rule does not hold; those without an entry say it themselves."""

# What a person should look at, though nothing is wrong with the table itself.
ADVISORY = frozenset({"reasons_as_before"})

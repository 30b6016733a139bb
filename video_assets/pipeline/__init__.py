"""From ledgers to checked shards: enriched_metadata, size_filtered, shard_lists, decode_check.

Belongs here: these four stages, and when they or the CSV are stale. Does not belong here: one clip's verdict (`media`), the
product (`publish`).
"""

"""Pure and shared: column contracts, captions, filters, shards, verdicts, units, errors.

Belongs here: decisions (kept, or dropped with a reason) and counting that several capabilities need. Does not belong here: files,
processes, network, Dagster, FFmpeg, settings objects (pass values); nor what only one capability needs (its own `rules`).
"""

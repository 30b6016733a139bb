"""Pure logic: tables in, tables out.

Belongs here: column contracts, decisions (kept, or dropped with a reason), counting. Does not belong here: files, processes,
network, Dagster, FFmpeg, settings objects (pass values).
"""

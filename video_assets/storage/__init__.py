"""Bytes that survive: durable writes, tables, stages, parts, leases, and where each file lies below the data root.

Belongs here: how things are kept, and one run at a time. Does not belong here: what the tables mean (`pipeline`, `publish`).
"""

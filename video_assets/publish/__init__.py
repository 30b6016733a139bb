"""The product: which rows the training CSV has, its files, manifest, versions and checks.

Belongs here: everything about the published table. Does not belong here: verdicts, when a table is stale (`pipeline`), pictures
(`report`).
"""

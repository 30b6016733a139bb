"""What sources have in common: large tables, listings by revision, the ledger of attempts, and when to try again.

Belongs here: rules and files for more than one source. Does not belong here: one source's names and formats; the network
(`sources.hub`, `sources.web`).
"""

"""What sources that fetch have in common: the ledger of attempts, and when to try again.

Belongs here: rules for every fetched source. Does not belong here: one source's names and formats; the network (`sources.hub`,
`sources.web`).
"""

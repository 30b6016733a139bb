"""What must never come back: addresses, names and contents that were taken down.

Belongs here: the table of tombstones and what each one matches. Does not belong here: taking clips down (`takedown`).
"""

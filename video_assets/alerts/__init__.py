"""Messages to people who are not looking: what is worth one, and the webhook.

Belongs here: wording and sending. Does not belong here: watching Dagster (`defs.alerts`).
"""

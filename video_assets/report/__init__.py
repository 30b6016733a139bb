"""The data set for people: funnel, distributions, contact sheets.

Belongs here: pictures and Markdown. Does not belong here: the numbers' meaning (`core`), the table itself (`publish`).
"""

"""The data set for people: funnel, distributions, captions, contact sheets.

Belongs here: pictures, Markdown, the page that can be mailed. Does not belong here: the numbers' meaning
(`core`), the table itself (`publish`).
"""

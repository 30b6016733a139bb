"""Which of the clips that decode go into the product: the user's limits, licences, and what the named trainers can take.

Belongs here: rules about rows that the decode check made, and the rows that they drop. Does not belong here: opening a clip
(`checking`), writing the product (`publish`).
"""

"""What other limits would make of the table, from the tables alone: said before anything is set or published.

Belongs here: reading columns of the shards, counting both outcomes. Does not belong here: what the limits are and whom they drop
(`select`), publishing (`publish`).
"""

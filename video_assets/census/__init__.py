"""What a trainer will do with the table: which clip lands in which bucket, and which falls out, said before training.

Belongs here: bucket rules (pure, in `rules`), counting, the picture. Does not belong here: files for trainers (`exports`).
"""

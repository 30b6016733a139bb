"""The broken-clip kit: one clip per kind of damage, with the verdict that it must get.

Belongs here: damage and expected verdicts. Does not belong here: drawing (`samples.demo`).
"""

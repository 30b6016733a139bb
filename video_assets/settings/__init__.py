"""What a user can set: one file and environment variables, validated, each field with its unit.

Belongs here: fields, defaults, validation, where values come from. Does not belong here: what a value does to clips.
"""

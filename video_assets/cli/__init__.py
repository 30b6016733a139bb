"""The command line: commands, options, terminal output.

Belongs here: what a user types and sees. Does not belong here: doing it (`local` and the capabilities).
"""

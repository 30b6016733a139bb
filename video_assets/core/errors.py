"""Errors that a person can mend: their message is complete, so programs show it without a traceback."""


class MendableError(Exception):
    """Something outside the program must change; the message names it, says what is wrong and what to do."""


class UsageError(MendableError):
    """Options or settings are wrong or do not go together."""


class SourceError(MendableError):
    """The source as a whole cannot be listed; the message names the file, what is wrong and what to do."""

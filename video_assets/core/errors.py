"""Errors that a person can mend: their message is complete, so programs show it without a traceback."""


class MendableError(Exception):
    """Something outside the program must change; the message names it, says what is wrong and what to do."""


class UsageError(MendableError):
    """Options or settings are wrong or do not go together."""


class StageError(MendableError):
    """A stage's table is missing, torn or of another version; the message says which asset to materialize."""


class ReplacedError(StageError):
    """A table is not the one any more that was looked at: another run has written it. The message names it."""


class SourceError(MendableError):
    """The source as a whole cannot be listed; the message names the file, what is wrong and what to do."""

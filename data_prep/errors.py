"""Errors whose message is meant for the person at the keyboard."""


class UserError(Exception):
    """Something the user can put right; shown without a traceback.

    The message says what was expected, what was received, which file or
    subject it concerns, and the way out.
    """


class UsageError(UserError):
    """A flag is missing or has a value that cannot be used (exit code 2)."""


class VolumeError(UserError):
    """An image file or array that cannot be used as a volume or mask."""

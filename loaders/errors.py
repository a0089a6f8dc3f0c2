"""Errors, sorted by what their reader does next.

`ConfigError`: mend your settings. `TransientError`: retried for you, then look at
the other side. `DataError`: look at this input. Every message names the thing and
the next step, and never holds a secret.
"""


class NightshiftError(Exception):
    """What every error of this project is, so that a caller can print it plainly."""

    next_step = ""


class ConfigError(NightshiftError):
    """A setting is missing, malformed or refers to something that is not there."""


class TransientError(NightshiftError):
    """The other side was busy or unreachable; the same call may work later."""


class DataError(NightshiftError):
    """An input cannot be used as it is; earlier content was left as it was."""

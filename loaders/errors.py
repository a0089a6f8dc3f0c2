"""The error classes of the project, by what the reader has to do.

`ConfigError`: fix a setting. `TransientError`: retried automatically; if it persists,
check the other system. `DataError`: check the input that the message names.
`MachineError`: free disk space or memory, or replace a damaged file. Every
message names the object and the next step, and never contains a secret.
"""


class NightshiftError(Exception):
    """Base class of all errors that are shown to the user without a traceback.

    `object_url` is the URL of the S3 object or partition that could not be read if
    nothing else is concerned, otherwise ''. Other partitions can then be loaded.
    """

    def __init__(self, message: str = "", *, object_url: str = "") -> None:
        super().__init__(message)
        self.object_url = object_url


class ConfigError(NightshiftError):
    """A setting is missing or malformed, or refers to something that does not exist."""


class TransientError(NightshiftError):
    """Another system was busy or unreachable; the same call may succeed later."""


class DataError(NightshiftError):
    """An input is invalid or incomplete; existing data is unchanged."""


class MachineError(NightshiftError):
    """The disk or memory is used up, or a file of ours is damaged."""

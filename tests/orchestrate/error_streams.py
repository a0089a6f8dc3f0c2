"""Standard error as a terminal or as a pipe."""

import io


class ErrorStream(io.StringIO):
    """Standard error in memory, which may be a terminal."""

    def __init__(self, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return self._is_terminal

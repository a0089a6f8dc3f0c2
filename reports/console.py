"""The terminal. Everything that a command prints passes through this module.

Data may hold anything: escape sequences, rich markup, lone surrogates, line feeds that
imitate lines of ours. Here it becomes text that every terminal and every output
encoding can show.
"""

import io
import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import (
    Console,
    ConsoleOptions,
    ConsoleRenderable,
    RenderHook,
    RenderResult,
)
from rich.measure import Measurement
from rich.rule import Rule
from rich.segment import Segment
from rich.table import Table as RichTable
from rich.text import Text

from loaders.errors import NightshiftError

__all__ = [
    "Rule",
    "Table",
    "Terminal",
    "Text",
    "console",
    "error_console",
    "indented",
    "make_streams_safe",
    "print_json",
    "printable",
    "styled",
]

# A terminal executes these instead of showing them: C0, DEL, C1, line separators and
# marks that change the direction of the text. Others are invisible, so that two
# different texts look alike. Surrogates have no encoding.
CONTROL_CHARACTERS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
# What stands for our own symbols where the output encoding is not UTF-8.
ASCII_SYMBOLS = str.maketrans(
    {
        "✔": "+",
        "✘": "x",
        "→": "->",
        "─": "-",
        "│": "|",
        "…": "...",
        "·": "*",
        "\N{REPLACEMENT CHARACTER}": "?",
    }
)
UNLIMITED = 100_000

OnLine = Callable[[int, str], None]


def _level(objects: tuple[Any, ...]) -> int:
    """Return the log level of a message: error if a part of it is red."""
    is_red = any(
        isinstance(part, Text) and "red" in str(part.style) for part in objects
    )
    return logging.ERROR if is_red else logging.INFO


def printable(value: str) -> str:
    """Return one value with each control character replaced by U+FFFD."""
    return CONTROL_CHARACTERS.sub("\N{REPLACEMENT CHARACTER}", value)


def indented(text: object) -> str:
    """Return a text of several lines, of which only the first starts at the margin.

    So no line of an error, which may quote data, looks like a line of its own.
    """
    first, *more = str(text).splitlines() or [""]
    return "\n".join(map(printable, [first, *(f"    {line}" for line in more)]))


def styled(text: object, style: str) -> Text:
    """Return text in a style, for example `bold red`; markup in it has no effect."""
    return Text(_printable_lines(str(text)), style=style)


class Table(RichTable):
    """A table in which each value is one line."""

    def add_row(self, *values: Any, **options: Any) -> None:  # noqa: ANN401 - as in rich
        """Add a row; control characters in texts are replaced."""
        cells = (printable(v) if isinstance(v, str) else v for v in values)
        super().add_row(*cells, **options)


class Terminal(Console):
    """A console that shows data as it is: no markup, emoji or highlighting in it."""

    def __init__(self, *, stderr: bool = False, width: int | None = None) -> None:
        super().__init__(
            stderr=stderr,
            markup=False,
            emoji=False,
            highlight=False,
            soft_wrap=True,
            width=width,
        )
        self.push_render_hook(_PrintableOutput())
        self._on_line: OnLine | None = None
        self._passes_errors = True

    @property
    def has_on_line(self) -> bool:
        """Whether something else gets what is printed."""
        return self._on_line is not None

    def set_on_line(
        self, on_line: OnLine | None, *, passes_errors: bool = True
    ) -> None:
        """Pass what is printed to `on_line`, as a log level and a text.

        Unless `passes_errors`, what `print_for_people` prints is still printed.
        """
        self._on_line = on_line
        self._passes_errors = passes_errors

    def print_error(self, program: str, message: object) -> None:
        """Print why a command ends, for people: `program: message`."""
        self.print_for_people(styled(f"{program}:", "bold red"), indented(message))

    def print_for_people(self, *objects: Any) -> None:  # noqa: ANN401 - as in rich
        """Print an error as text, unless the errors too are passed to `on_line`."""
        if self._on_line is None or self._passes_errors:
            self.print(*objects)
            return
        with self.checked_output():
            super().print(*objects)

    def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401 - as in rich
        """Convert a string without its control characters, so that tables align."""
        return super().render_str(_printable_lines(text), **options)

    def print_table(self, table: Table) -> None:
        """Print a table as wide as the terminal, or in full to a file or pipe.

        A file has no width, so that no value is cut or wrapped.
        """
        if self.is_terminal:
            self.print(table)
        else:
            width = max(self.natural_width(table), 1)
            Terminal(stderr=self.stderr, width=width).print(table)

    def natural_width(self, table: Table) -> int:
        """Return the width in which no value of the table is cut or wrapped."""
        unlimited = self.options.update(width=UNLIMITED)
        return Measurement.get(self, unlimited, table).maximum

    def print(self, *objects: Any, **options: Any) -> None:  # noqa: ANN401 - as in rich
        """Print objects; `NightshiftError` if standard output cannot be written.

        Messages on standard error that cannot be written are dropped.
        """
        if self._on_line is not None:
            self._on_line(_level(objects), self._text(objects))
            return
        with self.checked_output():
            super().print(*objects, **options)

    def _text(self, objects: tuple[Any, ...]) -> str:
        """Return the objects as they would be printed, without styles."""
        plain = Console(
            file=io.StringIO(),
            width=UNLIMITED,
            color_system=None,
            soft_wrap=True,
            markup=False,
            emoji=False,
            highlight=False,
        )
        with plain.capture() as output:
            plain.print(*objects)
        return "\n".join(line.strip() for line in output.get().splitlines()).strip()

    @contextmanager
    def checked_output(self) -> Iterator[None]:
        """Stop output that fails, so that the command ends with its own exit code."""
        try:
            yield
        except BrokenPipeError:
            self.on_broken_pipe()
        except OSError as error:
            self.on_broken_pipe()
            if not self.stderr:
                raise NightshiftError(
                    f"Standard output cannot be written: {error.strerror}. Free space, "
                    "then run the command again."
                ) from error

    def on_broken_pipe(self) -> None:
        """Discard further output; nobody reads it."""
        self.quiet = True
        discarded = os.open(os.devnull, os.O_WRONLY)
        os.dup2(discarded, self.file.fileno())


class _PrintableOutput(RenderHook):
    """Replaces control characters in everything that is printed, also in `Text`."""

    def process_renderables(
        self, renderables: list[ConsoleRenderable]
    ) -> list[ConsoleRenderable]:
        return [_Printable(renderable) for renderable in renderables]


class _Printable:
    def __init__(self, content: ConsoleRenderable) -> None:
        self._content = content

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> RenderResult:
        is_unicode = console.encoding.startswith("utf")
        for segment in console.render(self._content, options):
            if segment.control:
                continue
            text = _printable_lines(segment.text)
            if not is_unicode:
                text = text.translate(ASCII_SYMBOLS)
            yield Segment(text, segment.style)


console = Terminal()
error_console = Terminal(stderr=True)


def print_json(document: object) -> None:
    """Print a document as JSON in ASCII; values of other types become text."""
    text = json.dumps(document, indent=2, default=str).replace("\x7f", "\\u007f")
    with console.checked_output():
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def make_streams_safe() -> None:
    r"""Let no character that the output encoding lacks raise an error.

    It is printed as an escape such as `\u2714` instead. A closed stream becomes a
    stream that discards its input.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            descriptor = os.open(os.devnull, os.O_WRONLY)
            setattr(sys, name, os.fdopen(descriptor, "w", encoding="utf-8"))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _printable_lines(text: str) -> str:
    """Like `printable`, but keep the line feeds and tabs of our own layout."""
    return CONTROL_CHARACTERS.sub(_replacement, text)


def _replacement(match: re.Match[str]) -> str:
    character = match.group()
    return character if character in "\n\t" else "\N{REPLACEMENT CHARACTER}"

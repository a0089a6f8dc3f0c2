"""Data on the terminal: no escape sequences, no markup, any output encoding."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from reports.console import (
    Rule,
    Table,
    Terminal,
    Text,
    console,
    make_streams_safe,
    print_json,
    styled,
)

PROJECT = Path(__file__).resolve().parents[2]
HOSTILE = (
    "[/b]",
    "[bold]x[/bold]",
    "[link=http://x]y[/link]",
    "\\[x]",
    ":smile:",
    "a\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x9b31m",
    "back\x08space\rreturn\x7fdel\x00nul\x0bvt\x0cff",
    "next\x85line\u2028separator",
    "right\u202eleft\u2066isolate\u2069",
    "half\ud83d",
    "naïve → ✔ 日本 😀",
)
FORBIDDEN = {
    *map(chr, range(0x20)),
    *map(chr, range(0x7F, 0xA0)),
    *"\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
} - {"\n", "\t"}


def _table(value: str) -> Table:
    table = Table(title=value, box=None)
    table.add_column(value)
    table.add_row(Text(value))
    table.add_row(value)
    return table


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii", "cp1252", "cp932"])
@pytest.mark.parametrize("value", HOSTILE)
def test_data_is_shown_without_being_interpreted(
    value: str, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = io.BytesIO()
    stream = io.TextIOWrapper(content, encoding=encoding, write_through=True)
    monkeypatch.setattr(sys, "stdout", stream)
    make_streams_safe()
    for item in (value, Text(value), styled(value, "bold red"), _table(value)):
        console.print(item)
    console.print(styled("label", "bold"), value, end="|\n")
    console.print(Rule(value))
    print_json({value: value})
    text = content.getvalue().decode(encoding)
    assert not FORBIDDEN.intersection(text)
    if value.isascii() and value.isprintable():
        assert text.count(value) >= len(("str", "Text", "styled", "label", "rule"))
    assert json.loads(text[text.rindex("\n{") :]) == {value: value}


def test_colours_are_the_only_escape_sequences(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    Terminal().print(styled("a\x1b[2J", "bold"), "\x1b]52;c;aGk=\x07")
    text = stream.getvalue()
    assert text.startswith("\x1b[1ma") and text.count("\x1b") == len(("on", "off"))


def test_closed_standard_output_discards_results(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    make_streams_safe()
    console.print("x")
    print_json([])


@pytest.mark.parametrize(
    ("statement", "code", "message"),
    [
        ("console.print('x')", 1, "Standard output cannot be written: No space"),
        ("print_json({})", 1, "Standard output cannot be written: No space"),
        ("error_console.print('x')", 0, ""),
    ],
)
def test_output_on_a_full_disk_is_one_error(
    statement: str, code: int, message: str
) -> None:
    program = f"""
from loaders.errors import NightshiftError
from reports.console import console, error_console, print_json
try:
    {statement}
except NightshiftError as error:
    print_json("discarded")
    raise SystemExit(str(error))
"""
    is_error = statement.startswith("error")
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [sys.executable, "-c", program],
            cwd=PROJECT,
            stdout=subprocess.PIPE if is_error else full,
            stderr=full if is_error else subprocess.PIPE,
            text=True,
        )
    assert result.returncode == code
    assert (result.stderr or "").startswith(message)
    assert len((result.stderr or "").splitlines()) == code

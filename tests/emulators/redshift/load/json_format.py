"""COPY of JSON objects, mapped to columns by key or by jsonpaths.

An object may span several lines. A line that neither is nor begins an object is
rejected.
"""

import json
import re
from collections.abc import Callable, Iterable
from decimal import Decimal

from tests.emulators.redshift.errors import RedshiftError
from tests.emulators.redshift.load.delimited_format import decode_line
from tests.emulators.redshift.load.rejects import BadValue, RowLocation
from tests.emulators.redshift.load.sink import Sink
from tests.emulators.redshift.load.storage import Storage
from tests.emulators.redshift.load.streams import MAX_LINE_BYTES, LineBlock
from tests.emulators.redshift.load.target import Target
from tests.emulators.redshift.load.values import dump_super, unique_attributes

DECODER = json.JSONDecoder(parse_float=Decimal, object_pairs_hook=unique_attributes)
ValueExtractor = Callable[[object], list[object]]
_STEP = re.compile(r"\.?([A-Za-z_][\w-]*)|\['([^']*)'\]|\[\"([^\"]*)\"\]|\[(\d+)\]")


def create_value_extractor(storage: Storage, sink: Sink) -> ValueExtractor:
    """Return the function that extracts an object's values in column order."""
    kind = sink.options.json.lower()
    names = [column.name for column in sink.target.columns]
    if kind in ("auto", "auto ignorecase"):
        return _extract_by_name(names, ignores_case=kind != "auto")
    if kind == "noshred":
        if len(names) != 1 or sink.target.columns[0].kind != "super":
            raise RedshiftError("JSON 'noshred' requires a table of one SUPER column")
        return lambda parsed: [parsed]
    return _extract_by_path(storage, sink.options.json, sink.target)


def load(
    blocks: Iterable[LineBlock], sink: Sink, url: str, *, extract: ValueExtractor
) -> int:
    """Load the JSON objects of one S3 object; return its number of lines."""
    kinds = [column.kind for column in sink.target.columns]
    unfinished: RowLocation | None = None
    count = 0
    for block in blocks:
        for number, line in enumerate(block.lines, start=block.first):
            count = number
            if not line.strip():
                continue
            location = RowLocation(url, number, line)
            if unfinished is not None and not _is_object(line):
                joined = unfinished.line + b"\n" + line
                if len(joined) <= MAX_LINE_BYTES:
                    location = RowLocation(url, unfinished.number, joined)
                else:
                    _reject_unfinished(sink, unfinished)
            elif unfinished is not None:
                _reject_unfinished(sink, unfinished)
            is_complete = _load_object(sink, location, extract, kinds)
            unfinished = None if is_complete else location
    if unfinished is not None:
        _reject_unfinished(sink, unfinished)
    return count


def _load_object(
    sink: Sink, location: RowLocation, extract: ValueExtractor, kinds: list[str]
) -> bool:
    """Load or reject a complete object.

    Returns False if the text may be the start of an object that continues.
    """
    try:
        text = decode_line(location.line, sink.options.replacement)
        parsed = DECODER.decode(text)
        if not isinstance(parsed, dict) and sink.options.json.lower() != "noshred":
            raise BadValue(1216, "Invalid JSON: a row must be an object")
        values = extract(parsed)
    except (ValueError, RecursionError) as error:
        if _may_continue(text, error):
            return False
        sink.reject(location, _bad_json(error))
    except BadValue as problem:
        sink.reject(location, problem)
    else:
        sink.add_row(
            [_to_text(v, k) for v, k in zip(values, kinds, strict=True)], location
        )
    return True


def _may_continue(text: str, error: Exception) -> bool:
    return (
        isinstance(error, json.JSONDecodeError)
        and text.lstrip()[:1] == "{"
        and (error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated"))
    )


def _is_object(line: bytes) -> bool:
    """Whether a line is a complete object, which ends an unfinished one before it."""
    if line.lstrip()[:1] != b"{":
        return False
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _bad_json(error: Exception) -> BadValue:
    if isinstance(error, json.JSONDecodeError):
        return BadValue(1216, f"Invalid JSON: {error.msg}", error.pos)
    if isinstance(error, ValueError):
        return BadValue(1216, f"Invalid JSON: {error}")
    return BadValue(1216, "Invalid JSON: too deep")


def _reject_unfinished(sink: Sink, location: RowLocation) -> None:
    sink.reject(location, BadValue(1216, "Invalid JSON: unexpected end of input"))


def _to_text(value: object, kind: str) -> str | None:
    """Return a JSON value as text for its column's converter."""
    if value is None:
        return None
    if kind == "super":
        return dump_super(value)
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal | int):
        return str(value)
    return dump_super(value)


def _extract_by_name(names: list[str], *, ignores_case: bool) -> ValueExtractor:
    def extract(parsed: object) -> list[object]:
        assert isinstance(parsed, dict)
        if ignores_case:
            parsed = {key.lower(): value for key, value in parsed.items()}
        return [parsed.get(name) for name in names]

    return extract


def _extract_by_path(storage: Storage, url: str, target: Target) -> ValueExtractor:
    try:
        paths = json.loads(storage.read_text(url, "jsonpaths file"))["jsonpaths"]
        steps = [_parse_path(path) for path in paths]
    except (ValueError, KeyError, TypeError) as error:
        raise RedshiftError(f"Invalid JSONPath file {url}: {error}") from error
    if len(steps) != len(target.columns):
        raise RedshiftError(
            f"Number of jsonpaths and the number of columns should match. JSONPath"
            f" size: {len(steps)}, Number of columns in table or column list:"
            f" {len(target.columns)}"
        )
    return lambda parsed: [_follow_path(parsed, path) for path in steps]


def _parse_path(path: str) -> list[str | int]:
    """Return the keys and indexes of a JSONPath expression."""
    if not path.startswith("$"):
        raise ValueError(f"a path must begin with $: {path}")
    steps: list[str | int] = []
    position = 1
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            raise ValueError(f"invalid path: {path}")
        name = match[1] or match[2] or match[3]
        steps.append(int(match[4]) if match[4] else name)
        position = match.end()
    return steps


def _follow_path(value: object, steps: list[str | int]) -> object:
    for step in steps:
        if isinstance(step, int) and isinstance(value, list):
            value = value[step] if step < len(value) else None
        elif isinstance(step, str) and isinstance(value, dict):
            value = value.get(step)
        else:
            return None
    return value

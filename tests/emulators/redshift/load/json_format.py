"""JSON: one object after the other, matched by key or by jsonpaths.

An object may take several lines. A line that is none, and begins none, is a reject.
"""

import json
import re
from collections.abc import Callable, Iterable
from decimal import Decimal

from tests.emulators.redshift.errors import RedshiftError
from tests.emulators.redshift.load.delimited import TOO_LONG, text_of
from tests.emulators.redshift.load.objects import Storage
from tests.emulators.redshift.load.rejects import BadValue, Place
from tests.emulators.redshift.load.sink import Sink
from tests.emulators.redshift.load.streams import LONGEST_LINE, Block
from tests.emulators.redshift.load.target import Target
from tests.emulators.redshift.load.values import dumped

DECODER = json.JSONDecoder(parse_float=Decimal)
Picker = Callable[[object], list[object]]
_STEP = re.compile(r"\.?([A-Za-z_][\w-]*)|\['([^']*)'\]|\[\"([^\"]*)\"\]|\[(\d+)\]")


def picker(storage: Storage, sink: Sink) -> Picker:
    """Return the function that takes an object's values in the columns' order."""
    kind = sink.options.json.lower()
    names = [column.name for column in sink.target.columns]
    if kind in ("auto", "auto ignorecase"):
        return _by_name(names, ignores_case=kind != "auto")
    if kind == "noshred":
        if len(names) != 1 or sink.target.columns[0].kind != "super":
            raise RedshiftError("JSON 'noshred' takes a table of one SUPER column")
        return lambda parsed: [parsed]
    return _by_path(storage, sink.options.json, sink.target)


def load(blocks: Iterable[Block], sink: Sink, url: str, *, pick: Picker) -> int:
    """Load the objects of one S3 object; return how many lines there were."""
    kinds = [column.kind for column in sink.target.columns]
    begun: Place | None = None
    count = 0
    for block in blocks:
        for number, line in enumerate(block.lines, start=block.first):
            count = number
            if block.is_cut:
                sink.reject(Place(url, number, line), TOO_LONG)
                continue
            if not line.strip():
                continue
            place = Place(url, number, line)
            if begun is not None and not _is_object(line):
                joined = begun.line + b"\n" + line
                if len(joined) <= LONGEST_LINE:
                    place = Place(url, begun.number, joined)
                else:
                    _reject(sink, begun)
            elif begun is not None:
                _reject(sink, begun)
            begun = None if _loaded(sink, place, pick, kinds) else place
    if begun is not None:
        _reject(sink, begun)
    return count


def _loaded(sink: Sink, place: Place, pick: Picker, kinds: list[str]) -> bool:
    """Load or reject what is a whole object; False when it may be the start of one."""
    try:
        text = text_of(place.line, sink.options.replacement)
        parsed = DECODER.decode(text)
        if not isinstance(parsed, dict) and sink.options.json.lower() != "noshred":
            raise BadValue(1216, "Invalid JSON: a row is an object")
        values = pick(parsed)
    except (json.JSONDecodeError, RecursionError) as error:
        if _may_go_on(text, error):
            return False
        sink.reject(place, _problem(error))
    except BadValue as problem:
        sink.reject(place, problem)
    else:
        sink.row([_text(v, k) for v, k in zip(values, kinds, strict=True)], place)
    return True


def _may_go_on(text: str, error: Exception) -> bool:
    return (
        isinstance(error, json.JSONDecodeError)
        and text.lstrip()[:1] == "{"
        and (error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated"))
    )


def _is_object(line: bytes) -> bool:
    """Whether a line is a whole object by itself, so that none before it goes on."""
    if line.lstrip()[:1] != b"{":
        return False
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _problem(error: Exception) -> BadValue:
    if isinstance(error, json.JSONDecodeError):
        return BadValue(1216, f"Invalid JSON: {error.msg}", error.pos)
    return BadValue(1216, "Invalid JSON: too deep")


def _reject(sink: Sink, place: Place) -> None:
    sink.reject(place, BadValue(1216, "Invalid JSON: unexpected end of input"))


def _text(value: object, kind: str) -> str | None:
    """Return a JSON value as the text that its column reads."""
    if value is None:
        return None
    if kind == "super":
        return dumped(value)
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal | int):
        return str(value)
    return dumped(value)


def _by_name(names: list[str], *, ignores_case: bool) -> Picker:
    def pick(parsed: object) -> list[object]:
        assert isinstance(parsed, dict)
        if ignores_case:
            parsed = {key.lower(): value for key, value in parsed.items()}
        return [parsed.get(name) for name in names]

    return pick


def _by_path(storage: Storage, url: str, target: Target) -> Picker:
    try:
        paths = json.loads(storage.text(url, "jsonpaths file"))["jsonpaths"]
        steps = [_steps(path) for path in paths]
    except (ValueError, KeyError, TypeError) as error:
        raise RedshiftError(f"Invalid JSONPath file {url}: {error}") from error
    if len(steps) != len(target.columns):
        raise RedshiftError(
            f"Number of jsonpaths and the number of columns should match. JSONPath"
            f" size: {len(steps)}, Number of columns in table or column list:"
            f" {len(target.columns)}"
        )
    return lambda parsed: [_walk(parsed, way) for way in steps]


def _steps(path: str) -> list[str | int]:
    if not path.startswith("$"):
        raise ValueError(f"a path begins with $: {path}")
    steps: list[str | int] = []
    place = 1
    while place < len(path):
        match = _STEP.match(path, place)
        if match is None:
            raise ValueError(f"not a path: {path}")
        name = match[1] or match[2] or match[3]
        steps.append(int(match[4]) if match[4] else name)
        place = match.end()
    return steps


def _walk(value: object, steps: list[str | int]) -> object:
    for step in steps:
        if isinstance(step, int) and isinstance(value, list):
            value = value[step] if step < len(value) else None
        elif isinstance(step, str) and isinstance(value, dict):
            value = value.get(step)
        else:
            return None
    return value

"""A comparison as terminal text, Markdown for a pull request, HTML and JSON.

Values come from the warehouse and may hold anything: each output escapes them.
"""

import html
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from loaders.private_files import VAR, make_folder
from reports.comparison.compare import (
    IDENTICAL,
    NEW,
    NOT_COMPARABLE,
    ColumnChange,
    Comparison,
    Result,
)
from reports.console import Table, console, printable, styled

FOLDER = VAR / "compare"
PAGE = "index.html"
MAX_VALUE = 40
NULL = "null"
HEADINGS = ("Model", "Rows before", "Rows after", "Added", "Removed", "Changed")


def print_result(result: Result) -> None:
    """Print one line per model, then what differs in each."""
    if not result.models:
        console.print(nothing(result))
        return
    table = Table(title=title(result), title_justify="left", box=None, pad_edge=False)
    for number, heading in enumerate((*HEADINGS, "Columns")):
        table.add_column(heading, justify="right" if 0 < number < 6 else "left")
    for model in result.models:
        table.add_row(*cells(model), column_summary(model))
    console.print_table(table)
    for model in result.models:
        if details := list(_details(model)):
            console.print()
            console.print(styled(model.model, "bold"))
            for line in details:
                console.print(f"  {line}")


def title(result: Result) -> str:
    """Return the heading: what is compared, and how many models differ."""
    differing = sum(model.status != IDENTICAL for model in result.models)
    state = (
        f"{differing} of {len(result.models)} models differ"
        if differing
        else f"all {len(result.models)} models are identical"
    )
    return f"{result.target} compared with {result.against}: {state}"


def nothing(result: Result) -> str:
    """Return the message if there is no model to compare."""
    return (
        f"{result.target} has built no mart, so nothing is compared. Build one: "
        "dbt build --select MODEL"
    )


def cells(model: Comparison) -> list[str]:
    """Return the model's name and its five numbers as texts."""
    if model.status == NEW:
        return [model.model, "-", NEW, "", "", ""]
    if model.status == NOT_COMPARABLE:
        return [model.model, *["?"] * 5]
    return [
        model.model,
        f"{model.rows_before:,}",
        f"{model.rows_after:,}",
        f"+{model.added:,}" if model.added else "0",
        f"-{model.removed:,}" if model.removed else "0",
        f"{model.changed:,}",
    ]


def column_summary(model: Comparison) -> str:
    """Return the changes of columns, then those of values, in a few words."""
    if model.status == IDENTICAL:
        return "identical"
    texts = [_column_text(change) for change in model.columns]
    texts += [f"{change.column} ({change.rows:,})" for change in model.values]
    return ", ".join(texts) or model.note


def markdown(result: Result) -> str:
    """Return the comparison as a comment for a pull request."""
    if not result.models:
        return _md(nothing(result))
    lines = [f"### {_md(title(result))}", ""]
    lines += [f"| {' | '.join(HEADINGS)} | Columns |", "|---|" + "--:|" * 5 + "---|"]
    lines += [
        "| " + " | ".join(map(_md, (*cells(model), column_summary(model)))) + " |"
        for model in result.models
    ]
    for model in result.models:
        if details := list(_details(model)):
            lines += ["", f"<details><summary>{_md(model.model)}</summary>", ""]
            lines += [f"- {_md(line)}" for line in details]
            lines += ["", "</details>"]
    return "\n".join(lines)


def as_dict(result: Result) -> dict[str, Any]:
    """Return the comparison for --json."""
    return {"has_changes": result.has_changes, **asdict(result)}


def write_page(result: Result) -> Path:
    """Write the comparison as one HTML page below `var`; return its path."""
    path = make_folder(FOLDER) / PAGE
    path.write_text(page(result), encoding="utf-8")
    return path


def page(result: Result) -> str:
    """Return the comparison as an HTML page without any other file."""
    from reports.morning import rendering  # jinja2 takes a while

    context = {
        "is_mail": False,
        "result": result,
        "title": title(result) if result.models else nothing(result),
        "headings": HEADINGS,
        "cells": cells,
        "column_summary": column_summary,
        "column_text": _column_text,
        "key_text": _key_text,
        "value_text": _value_text,
    }
    return rendering.render("comparison.html", context)


def _details(model: Comparison) -> Iterator[str]:
    if model.note:
        yield model.note
    for column in model.columns:
        yield f"column {_column_text(column)}"
    for change in model.values:
        shown = "; ".join(
            f"{_key_text(example.key)}: {_value_text(example.before)} → "
            f"{_value_text(example.after)}"
            for example in change.examples
        )
        yield f"{change.column} changed in {_rows(change.rows)}, for example {shown}"
    for verb, number, examples in (
        ("added", model.added, model.added_examples),
        ("removed", model.removed, model.removed_examples),
    ):
        if number:
            shown = "; ".join(map(_key_text, examples))
            yield f"{_rows(number)} {verb}, for example {shown}"


def _column_text(change: ColumnChange) -> str:
    if change.before is None:
        return f"+{change.name} ({change.after})"
    if change.after is None:
        return f"-{change.name} ({change.before})"
    return f"{change.name}: {change.before} → {change.after}"


def _key_text(key: Mapping[str, str | None]) -> str:
    return ", ".join(f"{name} {_value_text(value)}" for name, value in key.items())


def _value_text(value: str | None) -> str:
    """Return a value in one short line; empty text is shown as quotes."""
    if value is None:
        return NULL
    text = printable(value)
    short = text if len(text) <= MAX_VALUE else f"{text[: MAX_VALUE - 1]}…"
    return short if short.strip() else f'"{short}"'


def _rows(number: int) -> str:
    return f"{number:,} row{'' if number == 1 else 's'}"


def _md(text: str) -> str:
    """Escape text for Markdown: neither markup, a mention nor a link comes of it."""
    escaped = html.escape(text, quote=False)
    return "".join(
        f"&#{ord(character)};" if character in "\\`*[]#|~@:" else character
        for character in escaped.replace("\n", " ")
    )

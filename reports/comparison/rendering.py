"""A comparison as terminal text, Markdown for a pull request, HTML and JSON.

Values come from the warehouse and may hold anything: each output escapes them.
"""

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from loaders.private_files import VAR, make_folder
from reports.comparison.compare import (
    HIDDEN,
    IDENTICAL,
    NEW,
    NOT_COMPARABLE,
    ColumnChange,
    Comparison,
    Result,
    ValueChange,
)
from reports.console import Table, console, printable, styled

FOLDER = VAR / "compare"
PAGE = "index.html"
MAX_VALUE = 40
NULL = "null"
# Markdown's own characters, mentions, references, and what links and emoji begin with.
MARKUP = re.compile(r"[\\`*\[\]#|~@]|:(?=\S)")
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
        if model.status != IDENTICAL or model.note:
            console.print()
            console.print(styled(model.model, "bold"))
            _print_details(model)


def title(result: Result) -> str:
    """Return the heading: what is compared, and how many models differ."""
    return f"{result.target} compared with {result.against}: {state(result)}"


def state(result: Result) -> str:
    """Return how many models differ."""
    differing = sum(model.status != IDENTICAL for model in result.models)
    models = f"{len(result.models)} model{'' if len(result.models) == 1 else 's'}"
    if not differing:
        return f"{models}, no difference"
    return f"{differing} of {models} differ{'s' if differing == 1 else ''}"


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
        if model.status != IDENTICAL or model.note:
            lines += ["", f"<details><summary>{_md(model.model)}</summary>", ""]
            lines += [f"- {_md(line)}" for line in _sentences(model)]
            if model.values:
                lines += ["", "| Changed column | Rows | Example |", "|---|--:|---|"]
                lines += [
                    "| " + " | ".join(map(_md, value_cells(change))) + " |"
                    for change in model.values
                ]
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
        "title": title(result),
        "state": f"{state(result)}." if result.models else nothing(result),
        "headings": HEADINGS,
        "cells": cells,
        "column_summary": column_summary,
        "column_text": _column_text,
        "key_text": _key_text,
        "value_text": _value_text,
        "is_hidden": is_hidden,
    }
    return rendering.render("comparison.html", context)


def value_cells(change: ValueChange) -> tuple[str, str, str]:
    """Return a changed column, its number of rows, and the first example."""
    example = ""
    if is_hidden(change):
        example = "values are hidden"
    elif change.examples:
        first = change.examples[0]
        example = (
            f"{_key_text(first.key)}: {_value_text(first.before)} → "
            f"{_value_text(first.after)}"
        )
    return change.column, f"{change.rows:,}", example


def is_hidden(change: ValueChange) -> bool:
    """Return whether the values of a changed column are personal."""
    return any(example.after == HIDDEN for example in change.examples)


def _print_details(model: Comparison) -> None:
    for sentence in _sentences(model):
        console.print(f"  {sentence}")
    if model.values:
        table = Table(box=None, pad_edge=False)
        for heading in ("  Changed column", "Rows", "Example"):
            table.add_column(heading, justify="right" if heading == "Rows" else "left")
        for change in model.values:
            column, *others = value_cells(change)
            table.add_row(f"  {column}", *others)
        console.print_table(table)


def _sentences(model: Comparison) -> Iterator[str]:
    """Yield what differs, but for values."""
    if model.note:
        yield model.note
    if model.columns:
        yield f"Columns: {', '.join(map(_column_text, model.columns))}"
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
    return MARKUP.sub(lambda match: f"&#{ord(match[0])};", escaped.replace("\n", " "))

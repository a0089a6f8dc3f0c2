"""Everything is documented, and what is documented exists.

Commands, options, settings, ledgers, business constants and raw sources.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import typer
import typer.main

from loaders.config import settings
from loaders.config.dbt_project import project_vars, usage_metrics
from loaders.warehouse.declared_tables import raw_tables
from orchestrate import nightly
from orchestrate.cli.main import app

PROJECT = Path(__file__).resolve().parents[1]
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/deploy.md",
    "docs/runbook.md",
    "docs/lineage.md",
    "docs/monitoring.md",
    "docs/redshift.md",
    "docs/retention.md",
    "docs/salesforce.md",
)
SCREEN_LINES = 50
# After variables, with or without the path of the command.
COMMAND_LINE = re.compile(r"\s*(?:[A-Z_]+=\S+ )*(?:\S*/)?nightshift (.+)", re.DOTALL)


def _pages() -> str:
    """Return the text of all pages."""
    return "\n".join((PROJECT / name).read_text(encoding="utf-8") for name in PAGES)


def _commands(app: typer.Typer) -> list[str]:
    """Return all commands, subcommands as `salesforce diff`."""
    group = typer.main.get_command(app)
    return [
        f"{name} {subcommand}".strip()
        for name, command in group.commands.items()
        for subcommand in getattr(command, "commands", {"": None})
    ]


def test_every_command_is_documented() -> None:
    pages = _pages()
    for command in _commands(app):
        name, _, subcommand = command.partition(" ")
        assert f"nightshift {name}" in pages, command
        assert not subcommand or command in pages or f"`{subcommand}" in pages, command


def _documented_lines() -> Iterator[tuple[str, list[str]]]:
    """Yield each documented `nightshift` command line as its page and words."""
    for name in (*PAGES, "docs/questions.md", "looker/README.md"):
        text = (PROJECT / name).read_text(encoding="utf-8")
        blocks = re.findall(r"^```.*?^```", text, re.MULTILINE | re.DOTALL)
        for block in blocks:
            text = text.replace(block, "")
        lines = [line for block in blocks for line in block.splitlines()]
        for line in (*lines, *re.findall(r"`([^`]+)`", text)):
            found = re.match(
                r"\s*(?:[A-Z_]+=\S+ )*(?:\S*/)?nightshift (.+)", line, re.S
            )
            if found:
                words = found[1].partition(" #")[0].split()
                yield f"{name}: {' '.join(words)}", words


def test_every_documented_command_line_exists() -> None:
    checked = 0
    for line, words in _documented_lines():
        command = typer.main.get_command(app)
        while words and hasattr(command, "commands") and words[0][0] != "-":
            assert words[0] in command.commands, line
            command = command.commands[words.pop(0)]
        known = {option for each in command.params for option in each.opts} | {"--help"}
        options = {word.partition("=")[0] for word in words if word[:2] == "--"}
        assert options <= known, line
        checked += 1
    assert checked > 50


def test_every_documented_setting_exists() -> None:
    known = settings.known_variables()
    known |= {f"{name}_FILE" for name in known}
    for name in set(re.findall(r"\bNIGHTSHIFT_\w+", _pages())):
        is_group = name.endswith("__") and any(k.startswith(name) for k in known)
        assert name in known or is_group, name


def test_every_setting_is_documented() -> None:
    pages = _pages() + (PROJECT / "profiles.yml.example").read_text(encoding="utf-8")
    for name in settings.known_variables():
        _, *groups = name.split("__")
        suffixes = ("__".join(groups[start:]) for start in range(len(groups)))
        assert name in pages or any(f"`{part}`" in pages for part in suffixes), name


def test_every_business_constant_has_a_comment() -> None:
    lines = (PROJECT / "dbt_project.yml").read_text(encoding="utf-8").splitlines()
    for name in project_vars():
        position = next(n for n, line in enumerate(lines) if f"  {name}:" in line)
        above = "\n".join(lines[max(0, position - 3) : position])
        assert "#" in above, name


def test_each_metric_is_in_the_files_that_a_new_one_needs() -> None:
    text = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    steps = text.partition("## Add a metric")[2].partition("Two commands write")[0]
    names = re.findall(r"`([\w./]+\.(?:sql|yml))`", steps)
    roots = (PROJECT / "models", PROJECT / "tests" / "bench")
    files = {PROJECT / "dbt_project.yml"}
    for name in names:
        if name == "dbt_project.yml" or name.startswith("macros/"):
            continue  # the list itself, and what reads it
        found = {path for root in roots for path in root.rglob(Path(name).name)}
        assert len(found) == 1, name
        files |= found
    assert len(files) == 8 + 4 and "these eight files, and four" in steps
    for path in files:
        words = set(re.findall(r"\w+", path.read_text(encoding="utf-8")))
        missing = {metric.name for metric in usage_metrics()} - words
        assert not missing, f"{path} lacks {missing}"


def test_every_raw_source_is_documented() -> None:
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    for source in raw_tables():
        assert source in text, source


def test_root_tasks_have_one_sentence_docstrings() -> None:
    for task in (nightly.Nightly, nightly.Backfill, nightly.BuildOrgDays):
        assert task.__doc__ and task.__doc__.strip().endswith(".")
        assert "\n" not in task.__doc__.strip()


def test_first_command_of_the_readme_is_on_the_first_screen() -> None:
    lines = (PROJECT / "README.md").read_text(encoding="utf-8").splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith("```sh"))
    assert first < SCREEN_LINES


def test_links_between_pages_resolve() -> None:
    for name in PAGES:
        page = PROJECT / name
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{name}: {target}"

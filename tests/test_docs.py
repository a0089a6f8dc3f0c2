"""Every command, setting, business constant and raw source is documented."""

import re
from pathlib import Path

import typer
import typer.main

from loaders.config import settings
from loaders.config.dbt_project import project_vars
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

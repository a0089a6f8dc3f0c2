"""What a person can type, set or load is documented, or a test fails."""

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
PAGES = ("README.md", "CONTRIBUTING.md", "docs/runbook.md", "docs/redshift.md")
SCREENFUL = 50


def _pages() -> str:
    return "\n".join((PROJECT / name).read_text(encoding="utf-8") for name in PAGES)


def _commands(app: typer.Typer) -> list[str]:
    group = typer.main.get_command(app)
    return [
        f"{name} {inner}".strip()
        for name, command in group.commands.items()
        for inner in getattr(command, "commands", {"": None})
    ]


def test_every_command_is_documented() -> None:
    pages = _pages()
    for command in _commands(app):
        first, _, inner = command.partition(" ")
        assert f"nightshift {first}" in pages, command
        assert not inner or f"{first} {inner}" in pages or f"`{inner}" in pages, command


def test_every_setting_is_documented() -> None:
    pages = _pages() + (PROJECT / "profiles.yml.example").read_text(encoding="utf-8")
    for name in settings._known_names():
        _, _, last = name.rpartition("__")
        assert name in pages or f"`{last}`" in pages, name


def test_every_business_constant_says_why_beside_it() -> None:
    lines = (PROJECT / "dbt_project.yml").read_text(encoding="utf-8").splitlines()
    for name in project_vars():
        place = next(n for n, line in enumerate(lines) if f"  {name}:" in line)
        above = "\n".join(lines[max(0, place - 3) : place])
        assert "#" in above, name


def test_every_raw_source_is_documented() -> None:
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    for source in raw_tables():
        assert source in text, source


def test_every_task_says_what_is_true_when_it_is_done() -> None:
    for task in (nightly.Nightly, nightly.Backfill, nightly.BuildOrgDays):
        assert task.__doc__ and task.__doc__.strip().endswith(".")
        assert "\n" not in task.__doc__.strip()


def test_the_first_command_of_the_readme_is_on_its_first_screen() -> None:
    lines = (PROJECT / "README.md").read_text(encoding="utf-8").splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith("```sh"))
    assert first < SCREENFUL


def test_links_between_pages_lead_somewhere() -> None:
    for name in PAGES:
        page = PROJECT / name
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{name}: {target}"

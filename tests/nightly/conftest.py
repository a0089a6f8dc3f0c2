"""Sample worlds, written once per session, and a project with finished runs."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from tests.emulators.sample.world import World
from tests.emulators.sample.write import write_to_folder
from tests.nightly.project import Project
from tests.nightly.template import (
    Template,
    backfill_and_run,
    once_per_session,
    prepare_template,
)

FOUR_DAY_WORLD = World(orgs=40, days=4, until=date(2026, 11, 24), seed=3)


@pytest.fixture(scope="session")
def raw_world(tmp_path_factory: pytest.TempPathFactory) -> Callable[[World], Path]:
    """Return a function that writes a world's raw partitions, each world once."""
    written: dict[World, Path] = {}

    def write(world: World) -> Path:
        if world not in written:
            written[world] = tmp_path_factory.mktemp("raw")
            write_to_folder(world, written[world])
        return written[world]

    return write


@pytest.fixture
def four_day_world(raw_world: Callable[[World], Path]) -> tuple[World, Path]:
    """Return a small dirty world of four days, and the folder of its partitions."""
    return FOUR_DAY_WORLD, raw_world(FOUR_DAY_WORLD)


@pytest.fixture(scope="session")
def finished_template(
    session_folder: Path,
    workspace: Path,
    parsed_dbt: Path,
    shared_emulators: dict[str, str],
    raw_world: Callable[[World], Path],
) -> Template:
    """Return a template of the small dirty world with all its days run."""

    def make(folder: Path) -> None:
        raw = raw_world(FOUR_DAY_WORLD)
        prepare_template(
            Template(folder / "template", FOUR_DAY_WORLD.until),
            workspace,
            shared_emulators,
            run=backfill_and_run(raw, FOUR_DAY_WORLD.dates),
            parsed_dbt=parsed_dbt,
        )

    folder = once_per_session(session_folder, "four-days", make)
    return Template(folder / "template", FOUR_DAY_WORLD.until)


@pytest.fixture
def finished_run(
    finished_template: Template,
    workspace: Path,
    parsed_dbt: Path,
    shared_emulators: dict[str, str],
) -> Iterator[tuple[Project, date]]:
    """Yield a project whose runs are finished, and the last data date."""
    with finished_template.restored(
        workspace, shared_emulators, parsed_dbt=parsed_dbt
    ) as project:
        yield project, finished_template.data_date

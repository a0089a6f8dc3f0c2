"""Fixtures of the LookML tests."""

import pytest

from tests.looker.lookml import LookmlProject, read_project


@pytest.fixture(scope="session")
def lookml_project() -> LookmlProject:
    """Return the checked-in LookML, parsed."""
    return read_project()

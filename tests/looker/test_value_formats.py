"""Values are shown in the formats that the LookML names."""

from typing import Any

import pytest

from tests.looker.lookml import Field
from tests.looker.value_formats import shown


@pytest.mark.parametrize(
    ("value", "name", "text"),
    [
        (1234.5, "decimal_0", "1,234"),
        (1234.5, "decimal_1", "1,234.5"),
        (0.256, "percent_1", "25.6%"),
        (12, "signed_0", "+12"),
        (0, "signed_0", "0"),
        (-1200, "signed_0", "-1,200"),
        (1001, "id", "1001"),
        (2.25, "seconds_1", "2.2 s"),
        (None, "decimal_0", "∅"),
    ],
)
def test_value_has_the_format_of_its_field(
    value: Any,  # noqa: ANN401 - any type of a column
    name: str,
    text: str,
) -> None:
    assert shown(value, Field("measure", {"value_format_name": name})) == text

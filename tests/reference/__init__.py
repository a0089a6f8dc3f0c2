"""Reference implementation: every core mart computed in plain Python from raw records.

`read_raw_data` reads raw partitions from a local folder, `expected_marts` computes the
marts, and `differences` compares two lists of rows.

It is written from the descriptions of the marts, not from their SQL, and shares no code
with the loaders. A comparison therefore finds every mistake that is not made twice.
"""

from tests.reference.business import DEFAULTS, Constants, Seeds, read_seeds
from tests.reference.compare import differences
from tests.reference.marts import MART_KEYS, Marts, expected_marts
from tests.reference.raw_data import (
    Partition,
    RawData,
    UnreadableObjectError,
    read_raw_data,
)

__all__ = [
    "DEFAULTS",
    "MART_KEYS",
    "Constants",
    "Marts",
    "Partition",
    "RawData",
    "Seeds",
    "UnreadableObjectError",
    "differences",
    "expected_marts",
    "read_raw_data",
    "read_seeds",
]

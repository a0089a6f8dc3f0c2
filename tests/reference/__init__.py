"""The second opinion: every core mart computed in plain Python from the raw lines.

What: `read_world` reads raw partitions from a local folder, `expected` computes
the marts the data contract describes, `differences` tells two lists of rows apart.
From: the contract alone; no SQL model and no loader was read to write it, so that
a mistake has to be made twice, in two ways, to pass.
Changes: when the contract changes.
"""

from tests.reference.business import Constants, Reference, read_reference
from tests.reference.compare import differences
from tests.reference.marts import MART_KEYS, Marts, expected
from tests.reference.raw_data import (
    Partition,
    RawWorld,
    UnreadableObjectError,
    read_world,
)

__all__ = [
    "MART_KEYS",
    "Constants",
    "Marts",
    "Partition",
    "RawWorld",
    "Reference",
    "UnreadableObjectError",
    "differences",
    "expected",
    "read_reference",
    "read_world",
]

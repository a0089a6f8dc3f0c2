"""Values that a sync must send again although they were the last ones accepted."""

from itertools import pairwise

from loaders.ledger.salesforce import OUTCOME_UNKNOWN
from tests.loaders.salesforce.fixtures import Mart


def count_restored(mart: Mart, key: str) -> int:
    """Count how often a key's values were accepted again with others in between.

    Nobody knows if those others were written, because their outcome is unknown.
    """
    columns = ("key", "payload_hash", "accepted_at")
    accepted = sorted(
        (at, values)
        for name, values, at in mart.read_ledger("salesforce_rows", *columns)
        if name == key
    )
    columns = ("key", "payload_hash", "rejected_at", "code")
    unknown = [
        (at, values)
        for name, values, at, code in mart.read_ledger("salesforce_rejects", *columns)
        if name == key and code == OUTCOME_UNKNOWN
    ]
    return sum(
        before == after
        and any(first < at < second and other != before for at, other in unknown)
        for (first, before), (second, after) in pairwise(accepted)
    )

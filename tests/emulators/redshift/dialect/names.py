"""Names: folded to lower case, quoted or not, and no longer than they can be here."""

from tests.emulators.redshift.dialect.tokens import QUOTED, WORD, Group, Node, Token
from tests.emulators.redshift.errors import RedshiftError

LONGEST = 127  # Redshift's limit, in bytes
LONGEST_HERE = 63  # PostgreSQL cuts what is longer, without an error


def fold(nodes: list[Node]) -> None:
    """Fold quoted names to lower case, and refuse those that would be cut."""
    for node in nodes:
        if isinstance(node, Group):
            fold(node.items)
        elif isinstance(node, Token) and node.kind in (QUOTED, WORD):
            length = len(node.text.encode()) - 2 * (node.kind == QUOTED)
            if length > LONGEST_HERE:
                raise _too_long(node.text, length)
            if node.kind == QUOTED:
                node.text = node.text.lower()


def _too_long(name: str, length: int) -> RedshiftError:
    if length > LONGEST:
        return RedshiftError(
            f"The length of the identifier {name} exceeds the limit of {LONGEST} bytes",
            "42622",
        )
    return RedshiftError(
        f"The identifier {name} has {length} bytes: Amazon Redshift takes {LONGEST},"
        f" but this stand-in only {LONGEST_HERE}, and refuses rather than cuts it",
        "42622",
    )

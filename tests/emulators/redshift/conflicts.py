"""Serialization conflicts between concurrent transactions, table by table.

Each transaction is a node with the tables that it has read and written. An edge means
that one transaction must come before another in any serial order that gives the same
results. Under SERIALIZABLE isolation the statement that closes a cycle fails.
"""

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

Table = tuple[str, int]  # the database and the table's oid


@dataclass(eq=False)
class Transaction:
    """A transaction; `snapshot` and `commit` are positions in one common order.

    `commit` is None until it has committed.
    """

    id: int
    pid: int
    snapshot: int
    reads: set[Table] = field(default_factory=set)
    writes: set[Table] = field(default_factory=set)
    commit: int | None = None

    def sees(self, other: "Transaction") -> bool:
        """Whether its snapshot contains what the other transaction has committed."""
        return other.commit is not None and other.commit < self.snapshot

    def precedes(self, other: "Transaction") -> bool:
        """Whether it comes before the other transaction in every serial order."""
        has_unseen_write = self.reads & other.writes and not self.sees(other)
        was_read = self.writes & other.reads and other.sees(self)
        was_overwritten = (
            self.writes & other.writes
            and self.commit is not None
            and (other.commit is None or self.commit < other.commit)
        )
        return bool(has_unseen_write or was_read or was_overwritten)


class Conflicts:
    """The transactions that are open, and those that have overlapped with them."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._positions = itertools.count(1)
        self._transactions: list[Transaction] = []

    def begin(
        self, identifier: int, pid: int, take_snapshot: Callable[[], object]
    ) -> Transaction:
        """Return a new transaction after `take_snapshot` has fixed its snapshot."""
        with self._lock:
            take_snapshot()
            transaction = Transaction(identifier, pid, next(self._positions))
            self._transactions.append(transaction)
            return transaction

    def add(
        self, transaction: Transaction, reads: Iterable[Table], writes: Iterable[Table]
    ) -> None:
        """Record the tables that a statement of the transaction reads and writes."""
        with self._lock:
            transaction.reads.update(reads)
            transaction.writes.update(writes)

    def find_cycle(self, transaction: Transaction) -> list[Transaction]:
        """Return a cycle that contains the transaction, empty if there is none."""
        with self._lock:
            return self._search(transaction, [transaction], {transaction})

    def commit(self, transaction: Transaction, commit: Callable[[], object]) -> None:
        """Record a commit in the order in which `commit` makes it visible."""
        with self._lock:
            commit()
            transaction.commit = next(self._positions)
            self._remove_finished()

    def discard(self, transaction: Transaction) -> None:
        """Forget a transaction that was rolled back."""
        with self._lock:
            self._transactions.remove(transaction)
            self._remove_finished()

    def last_writer(self, table: Table, besides: Transaction) -> Transaction | None:
        """Return the transaction that committed a write to the table last."""
        with self._lock:
            writers = [
                other
                for other in self._transactions
                if other is not besides and other.commit and table in other.writes
            ]
        return max(writers, key=lambda other: other.commit or 0, default=None)

    def _search(
        self, start: Transaction, path: list[Transaction], seen: set[Transaction]
    ) -> list[Transaction]:
        for other in self._successors(path[-1]):
            if other is start:
                return path
            if other not in seen:
                seen.add(other)
                found = self._search(start, [*path, other], seen)
                if found:
                    return found
        return []

    def _successors(self, transaction: Transaction) -> Iterator[Transaction]:
        for other in self._transactions:
            if other is not transaction and transaction.precedes(other):
                yield other

    def _remove_finished(self) -> None:
        """Forget transactions that overlap with no open one, directly or by others."""
        horizon = min(
            (item.snapshot for item in self._transactions if item.commit is None),
            default=None,
        )
        while horizon is not None:
            earlier = min(
                item.snapshot
                for item in self._transactions
                if item.commit is None or item.commit > horizon
            )
            if earlier >= horizon:
                break
            horizon = earlier
        self._transactions = [
            item
            for item in self._transactions
            if item.commit is None or (horizon is not None and item.commit > horizon)
        ]

"""Request log: one JSON line per request, and the latest requests in memory."""

import json
import threading
from collections import deque
from pathlib import Path
from typing import Any

MAX_ENTRIES_IN_MEMORY = 20_000


class RequestLog:
    """Appends requests to a JSONL file, without bodies, which may hold secrets."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self._entries: deque[dict[str, Any]] = deque(maxlen=MAX_ENTRIES_IN_MEMORY)

    def add(self, entry: dict[str, Any]) -> None:
        """Log one request."""
        line = json.dumps(entry, ensure_ascii=False)
        with self._lock:
            self._entries.append(entry)
            if not self._file.closed:
                self._file.write(line + "\n")

    def entries(self) -> list[dict[str, Any]]:
        """Return the requests since the start or the last `clear`, oldest first."""
        with self._lock:
            return list(self._entries)

    def clear(self) -> None:
        """Remove the entries from memory; the file keeps them."""
        with self._lock:
            self._entries.clear()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()

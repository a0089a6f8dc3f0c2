"""What was asked of the org: a JSON line per request, and the last ones in memory."""

import json
import threading
from collections import deque
from pathlib import Path
from typing import Any

KEPT = 20_000


class RequestLog:
    """Appends to a JSONL file; never bodies, which may hold secrets."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self._last: deque[dict[str, Any]] = deque(maxlen=KEPT)

    def add(self, entry: dict[str, Any]) -> None:
        """Note one request."""
        line = json.dumps(entry, ensure_ascii=False)
        with self._lock:
            self._last.append(entry)
            if not self._file.closed:
                self._file.write(line + "\n")

    def entries(self) -> list[dict[str, Any]]:
        """Return the requests since the start or the last `clear`, oldest first."""
        with self._lock:
            return list(self._last)

    def clear(self) -> None:
        """Forget the requests so far; the file keeps them."""
        with self._lock:
            self._last.clear()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()

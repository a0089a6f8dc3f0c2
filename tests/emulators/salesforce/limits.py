"""The org's limits: what is allowed, and what is left of it."""

import threading

MAXIMA = {
    "ActiveScratchOrgs": 40,
    "AnalyticsExternalDataSizeMB": 40960,
    "ConcurrentAsyncGetReportInstances": 200,
    "ConcurrentSyncReportRuns": 20,
    "DailyApiRequests": 15000,
    "DailyAsyncApexExecutions": 250000,
    "DailyBulkApiBatches": 15000,
    "DailyBulkV2QueryFileStorageMB": 976562,
    "DailyBulkV2QueryJobs": 10000,
    "DailyDurableStreamingApiEvents": 10000,
    "DailyScratchOrgs": 80,
    "DailyStreamingApiEvents": 10000,
    "DailyWorkflowEmails": 1000,
    "DataStorageMB": 1024,
    "FileStorageMB": 1024,
    "HourlyAsyncReportRuns": 1200,
    "HourlyODataCallout": 1000,
    "HourlySyncReportRuns": 500,
    "MassEmail": 10,
    "SingleEmail": 15,
}
REQUESTS = "DailyApiRequests"
BATCHES = "DailyBulkApiBatches"
QUERY_JOBS = "DailyBulkV2QueryJobs"


class Limits:
    """Counters that go down; they are not given back before the org starts anew."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._max = dict(MAXIMA)
        self._left = dict(MAXIMA)

    def set(self, name: str, *, allowed: int | None = None, left: int) -> None:
        """Say what is left of a limit, and what is allowed of it."""
        with self._lock:
            self._max[name] = (
                allowed if allowed is not None else self._max.get(name, left)
            )
            self._left[name] = left

    def left(self, name: str) -> int:
        """Return what is left."""
        return self._left[name]

    def spend(self, name: str, count: int = 1) -> bool:
        """Take `count` off; false, and nothing taken, when there is not as much."""
        with self._lock:
            if self._left[name] < count:
                return False
            self._left[name] -= count
            return True

    def usage(self) -> str:
        """Return the value of the header Sforce-Limit-Info."""
        allowed = self._max[REQUESTS]
        return f"api-usage={allowed - self._left[REQUESTS]}/{allowed}"

    def as_json(self) -> dict[str, dict[str, int]]:
        """Return all of them as the API does."""
        with self._lock:
            return {
                name: {"Max": allowed, "Remaining": self._left[name]}
                for name, allowed in sorted(self._max.items())
            }

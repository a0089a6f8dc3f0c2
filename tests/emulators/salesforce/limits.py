"""API limits of the org: the maximum and the remaining allowance of each."""

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
    """Counters of the remaining allowance; only a restart of the org resets them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._max = dict(MAXIMA)
        self._remaining = dict(MAXIMA)

    def set(self, name: str, *, maximum: int | None = None, remaining: int) -> None:
        """Set the remaining allowance of a limit, and its maximum if given."""
        with self._lock:
            self._max[name] = (
                maximum if maximum is not None else self._max.get(name, remaining)
            )
            self._remaining[name] = remaining

    def spend(self, name: str, count: int = 1) -> bool:
        """Subtract `count`; return False and change nothing if less remains."""
        with self._lock:
            if self._remaining[name] < count:
                return False
            self._remaining[name] -= count
            return True

    def usage(self) -> str:
        """Return the value of the header Sforce-Limit-Info."""
        maximum = self._max[REQUESTS]
        return f"api-usage={maximum - self._remaining[REQUESTS]}/{maximum}"

    def as_json(self) -> dict[str, dict[str, int]]:
        """Return all limits as the body of `GET /limits`."""
        with self._lock:
            return {
                name: {"Max": maximum, "Remaining": self._remaining[name]}
                for name, maximum in sorted(self._max.items())
            }

"""The history as one HTML page without any other file, on S3 and on this disk.

`{archive}/{env}/{version}/status/index.html` stands beside the reports of the data
dates and links to them.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from loaders import s3
from loaders.ledger.run_outcomes import DONE, REJECTED, RUNNING
from loaders.private_files import make_folder
from reports.history.data import History, Volume, is_over
from reports.morning import rendering

PAGE = "index.html"
FOLDER = "status"
CONTENT_TYPE = "text/html; charset=utf-8"
SLOW_RATIO = 2.0
# A short build may double its time by chance.
SLOW_SECONDS = 5.0


def html(history: History) -> str:
    """Return the page."""
    ended = [run for run in history.runs if is_over(run)]
    context = {
        "is_mail": False,
        "history": history,
        "latest": history.runs[0] if history.runs else None,
        "outcome_is_good": (DONE, RUNNING),
        "outcome_is_complete": (DONE, REJECTED, RUNNING),
        "ended": len(ended),
        "complete": sum(run.outcome in (DONE, REJECTED) for run in ended),
        "longest": max((run.seconds or 0.0 for run in history.runs), default=0.0),
        "slow_models": {
            time.model
            for time in history.models
            if (time.ratio or 0.0) >= SLOW_RATIO and time.seconds >= SLOW_SECONDS
        },
        "volumes": [(source, _bars(days)) for source, days in history.volumes],
    }
    return rendering.render("history.html", context)


def as_dict(history: History) -> dict[str, Any]:
    """Return the history for --json."""
    result = asdict(history)
    result["report_dates"] = sorted(history.report_dates)
    result["models"] = [asdict(time) | {"ratio": time.ratio} for time in history.models]
    result["volumes"] = [asdict(day) for _, days in history.volumes for day in days]
    return result


def url(root: str) -> str:
    """Return the URL of the page below the archive's root of an environment."""
    return f"{root.rstrip('/')}/{FOLDER}/{PAGE}"


def write(text: str, *, root: str) -> str:
    """Write the page to S3; return its URL."""
    address = url(root)
    s3.write(address, text.encode(), content_type=CONTENT_TYPE)
    return address


def write_file(text: str, folder: Path) -> Path:
    """Write the page to a local folder; return its path."""
    make_folder(folder)
    path = folder / PAGE
    path.write_text(text, encoding="utf-8")
    return path


def _bars(days: Sequence[Volume]) -> list[dict[str, Any]]:
    """Return each date's volume with its share of the greatest, in per cent."""
    greatest = max((day.lines for day in days), default=0) or 1
    return [
        {
            **asdict(day),
            "height": round(100 * day.lines / greatest, 1),
            "rejected": round(100 * day.rejects / greatest, 1),
            "ratio": day.rejects / day.lines if day.lines else 0.0,
        }
        for day in days
    ]

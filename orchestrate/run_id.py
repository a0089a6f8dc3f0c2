"""The id of this run, which is part of every ledger row that the run writes."""

import os
import secrets
from datetime import UTC, datetime

# Set once at import, so that forked workers inherit it.
RUN_ID = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}-{secrets.token_hex(3)}"

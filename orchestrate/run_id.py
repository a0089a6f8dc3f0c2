"""The id of this run, in every ledger row that it writes."""

import os
import secrets
from datetime import UTC, datetime

# One name for all ledger rows of one run; forked workers inherit it.
RUN_ID = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}-{secrets.token_hex(3)}"

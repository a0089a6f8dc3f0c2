"""How long data is kept: the settings `NIGHTSHIFT_RETENTION__*`."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# A hundred years; without a setting everything is kept.
MAX_DAYS = 36_500
Days = Annotated[int, Field(ge=1, le=MAX_DAYS)]


class Retention(BaseModel):
    """Days to keep, counted back from the newest loaded date; None keeps everything.

    Nothing is removed by default: how long data may be kept is for its owner to decide,
    and what is removed from staging cannot be recomputed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    staging_days: Days | None = None
    rejects_days: Days | None = None
    payloads_days: Days | None = None
    archive_days: Days | None = None

"""Planning: which parts of a run are stale, and why."""

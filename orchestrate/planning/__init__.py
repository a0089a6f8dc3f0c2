"""Planning: what is stale, and why."""

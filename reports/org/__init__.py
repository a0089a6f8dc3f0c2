"""The trace of one org through the warehouse, for `nightshift explain-org`."""

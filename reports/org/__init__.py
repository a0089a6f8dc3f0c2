"""The trace of one org through the pipeline, for `nightshift explain-org`."""

"""Reports for people: the morning report and the trace of one org."""

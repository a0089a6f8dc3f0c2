"""What people read: the morning report and the trace of one org."""

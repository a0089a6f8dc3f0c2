"""Objects, fields and records of the emulated org."""

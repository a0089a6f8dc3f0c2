"""Web pages that show what the emulated org holds."""

"""The commands that remove data: `nightshift retention` and `nightshift erase`."""

"""Loaders: each module moves bytes across one boundary, in either direction."""

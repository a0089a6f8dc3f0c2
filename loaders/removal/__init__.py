"""Removal of data: by age (retention), and of an org or user (erasure)."""

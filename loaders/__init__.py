"""Loaders: each module moves data between the warehouse and one external system."""

"""Tests of the Redshift stand-in, by the clients that production uses."""

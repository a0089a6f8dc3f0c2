"""Tests of the Redshift emulator through the clients that production uses."""

"""Tests of Nightshift, and the outside world they run against."""

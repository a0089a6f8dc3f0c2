"""Tests of Nightshift, and the emulators that they use."""

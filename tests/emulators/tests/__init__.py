"""Tests of the S3 emulator and of the sample data generator."""

"""Tests of the Salesforce stand-in, through the network."""

"""Tests of the way to Salesforce, through the network against the stand-in."""

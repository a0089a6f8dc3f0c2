"""The oracle's own tests: worlds small enough to be worked out on paper."""

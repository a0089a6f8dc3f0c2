"""Generator of a sample company's raw partitions, deliberately dirty."""

"""A made-up company's raw partitions: a business to look at, dirty on purpose."""

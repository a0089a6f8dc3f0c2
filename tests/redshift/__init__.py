"""The product on a cluster, held against the embedded engine."""

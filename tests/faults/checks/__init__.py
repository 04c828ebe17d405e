"""The cross-checks: each holds of what there is, and notices the faults of its list."""

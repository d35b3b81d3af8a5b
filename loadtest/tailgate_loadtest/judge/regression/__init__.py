"""Whether a candidate is worse than its base, with a known error rate."""

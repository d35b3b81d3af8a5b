"""Why something got worse: where the time went, in words."""

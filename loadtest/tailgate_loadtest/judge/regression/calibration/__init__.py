"""How often a gate errs here, measured by gates of two sides that are the same."""

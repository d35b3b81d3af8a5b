"""Bundles that were recorded at different times, or in different places."""

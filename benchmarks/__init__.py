"""Proofs of what the load engine promises. Each is run as ``python -m benchmarks.NAME`` and ends in figures."""

"""Proofs of what is promised of speed and memory: each is run as ``python -m benchmarks.NAME``, and ends in figures."""

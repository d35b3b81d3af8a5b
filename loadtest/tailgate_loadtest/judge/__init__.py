"""Judges a bundle against objectives: the same bundle, the same verdict, whenever it is asked."""

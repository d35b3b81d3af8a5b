"""Puts one load on by way of the engine process, and writes what came of it as a bundle."""

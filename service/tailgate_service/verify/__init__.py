"""Whether a database is as its migrations left it: checks that try what they say, each with its evidence.

All of it happens in one transaction that is undone. What is tried on many rows is tried on copies that only this
session sees, so nothing that serves waits for it.
"""

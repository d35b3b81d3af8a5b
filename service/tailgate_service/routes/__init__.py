"""The HTTP surface, one module per resource.

Paths are written in full: they are the routes' names everywhere else.
"""

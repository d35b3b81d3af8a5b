"""The reference API, its database and its pages."""

"""The pages of the service as they were built from ``service/pages``: read once, and sent as they lie there."""

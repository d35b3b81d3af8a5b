"""A stand-in for the outside voice provider: a server of its own process that answers as one would, or fails as told.

    python -m tailgate_service.provider

It is told how by a second address, on which it always answers: ``PUT /behaviour``.
"""

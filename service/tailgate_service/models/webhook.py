"""What the provider's webhook is answered."""

from typing import Literal

from tailgate_service.models.base import Answer


class IntakeAnswer(Answer):
    """What became of a delivery."""

    status: Literal["accepted", "duplicate"]

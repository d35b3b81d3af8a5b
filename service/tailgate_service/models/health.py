"""Whether the service can serve."""

from typing import Literal

from tailgate_service.models.base import Answer


class Health(Answer):
    """The service serves, and its database answers."""

    status: Literal["ok"]
    variant: str

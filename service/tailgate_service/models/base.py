"""What requests and answers have in common: no field that is not described."""

from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator


class Answer(BaseModel):
    """What is answered."""

    model_config = ConfigDict(extra="forbid")


class Request(BaseModel):
    """What is asked."""

    model_config = ConfigDict(extra="forbid")


class Change(Request):
    """What is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("nothing to change: name at least one field")
        return self

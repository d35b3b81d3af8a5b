"""All boards of an objectives file."""

from tailgate_slo import Objectives

from . import api, load, objectives, queries, vitals
from .panel import Board
from .service import service_of


def boards_of(file: Objectives) -> tuple[Board, ...]:
    """The boards that the file's service can fill: the one about queries only where it counts them."""
    service = service_of(file)
    counted = service.queries
    return (
        objectives.board(file, service),
        api.board(file, service),
        *((queries.board(file, service, counted),) if counted else ()),
        vitals.board(file),
        load.board(service),
    )

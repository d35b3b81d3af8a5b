"""Statements that tell the database who asks, and ask, in one round trip."""

from tailgate_service.identity import Identity

ME = """me AS MATERIALIZED (
    SELECT set_config('tailgate.workspace', $1, true)::uuid AS workspace,
           set_config('tailgate.user', $2, true) AS member
)"""
"""For the head of a statement's WITH. What it sets holds until the transaction ends, which is that of the statement
where no other was begun.

It must be computed before the first policy is asked, and policies are asked as soon as a table is read. So what reads
one stands in a lateral query that uses ``me.workspace`` and has an ``OFFSET 0``: that keeps the planner from dissolving
it, and then it cannot run without the row of ``me``.
"""


def told(query: str) -> str:
    """``query``, which uses ``me.workspace``, by who asks: ``$1`` and ``$2`` are :func:`told_by`."""
    return f"WITH {ME} SELECT answer.* FROM me, LATERAL (SELECT asked.* FROM ({query}) asked OFFSET 0) answer"


def told_by(who: Identity) -> tuple[str, str]:
    """The first two arguments of a statement that is told."""
    return str(who.workspace_id), "" if who.user_id is None else str(who.user_id)

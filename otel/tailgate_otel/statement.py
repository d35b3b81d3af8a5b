"""What a statement's text says: its form without anybody's data, its operation, what it is for."""

import re
from functools import lru_cache
from typing import NamedTuple

# Longer texts are cut: neither a span nor the memory of texts seen may grow with what an application sends.
MAX_TEXT = 4096
_REMEMBERED = 2048

_TRANSACTION_CONTROL = frozenset(
    ("BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE"),
)
_OPERATIONS = _TRANSACTION_CONTROL | {
    *("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "VALUES", "TABLE", "COPY", "CALL", "DO"),
    *("CREATE", "ALTER", "DROP", "TRUNCATE", "LOCK", "SET", "RESET", "SHOW", "EXPLAIN", "ANALYZE", "VACUUM"),
    *("REFRESH", "LISTEN", "UNLISTEN", "NOTIFY", "FETCH", "MOVE", "DECLARE", "CLOSE"),
}
_OTHER_OPERATION = "OTHER"
# asyncpg asks for this itself before a nested transaction that names its isolation level.
_ISOLATION_LEVEL = "SHOW transaction_isolation"

# A text may be cut in the middle of a literal, so the end of the text closes every one of them.
_TOKENS = re.compile(
    r"""
      (?P<comment> --[^\n]*+ | /\*.*?(?:\*/|\Z) )
    | (?P<literal> [eE]'(?:[^'\\]|\\.|'')*+(?:'|\Z)
                 | '(?:[^']|'')*+(?:'|\Z)
                 | \$(?P<tag>(?:[A-Za-z_]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z)
                 | (?<![\w$"])[-+]?\d[\w.]*+ )
    | (?P<quoted> "(?:[^"]|"")*+(?:"|\Z) )
    | (?P<space> \s++ )
    """,
    re.VERBOSE | re.DOTALL,
)
# As asyncpg writes it, which leaves out what a server does not know; never one of these alone.
_RESET = re.compile(r"(?:(?:SELECT pg_advisory_unlock_all\(\)|CLOSE ALL|UNLISTEN \*|RESET ALL)(?:; |\Z)){2,}")
_LISTS = re.compile(r"\(\?(?:, ?\?)+\)")
_FIRST_WORD = re.compile(r"[( ]*(\w+)")
_SAVEPOINT_NAME = re.compile(r"__asyncpg_savepoint_[0-9a-f]+__")


class Statement(NamedTuple):
    """A statement without its data.

    Attributes:
        text: every literal a ``?``, comments gone, white space single; statements that differ in data only
            have the same text.
        operation: the first keyword, from a bounded set.
        controls_transaction: nothing but BEGIN, COMMIT, ROLLBACK, a savepoint or the like.
        resets: what asyncpg cleans a connection with before somebody else gets it.

    """

    text: str
    operation: str
    controls_transaction: bool
    resets: bool

    @property
    def repeatable(self) -> bool:
        """Whether repeating it may be an N+1."""
        return not (self.controls_transaction or self.resets)


def describe(text: str) -> Statement:
    """The statement of a text, remembered for the texts seen lately."""
    return _describe(text if len(text) <= MAX_TEXT else text[:MAX_TEXT])


def _without_data(token: re.Match[str]) -> str:
    if token["literal"]:
        return "?"
    return token["quoted"] or " "


@lru_cache(maxsize=_REMEMBERED)
def _describe(text: str) -> Statement:
    bare = _TOKENS.sub(_without_data, text).strip().rstrip("; ")
    bare = _LISTS.sub("(?)", re.sub(r" {2,}", " ", bare))
    bare = _SAVEPOINT_NAME.sub("?", bare)
    first = _FIRST_WORD.match(bare)
    word = first[1].upper() if first else ""
    operation = word if word in _OPERATIONS else _OTHER_OPERATION
    alone = ";" not in bare
    control = alone and (operation in _TRANSACTION_CONTROL or bare == _ISOLATION_LEVEL)
    return Statement(bare, operation, control, _RESET.fullmatch(bare) is not None)

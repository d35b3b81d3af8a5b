"""How text is searched before there is an index for it: word by word, whenever it is asked."""

_SPLIT = "regexp_split_to_table(lower({text} COLLATE pg_c_utf8), '[^[:alnum:]]+')"


def begun(text: str, asked: str) -> str:
    """The condition that each word of ``asked``, of which there must be one, begins a word of ``text``."""
    words, parts = _SPLIT.format(text=text), _SPLIT.format(text=asked)
    return (
        f"({asked} COLLATE pg_c_utf8 ~ '[[:alnum:]]' AND NOT EXISTS (SELECT FROM {parts} part WHERE part <> ''"
        f" AND NOT EXISTS (SELECT FROM {words} word WHERE starts_with(word, part))))"
    )

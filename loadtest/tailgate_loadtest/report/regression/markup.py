"""HTML that Markdown leaves alone, for pull requests and job summaries, in which nothing of a name is obeyed.

A block of HTML ends at the next blank line (CommonMark 0.31, 4.6), and nothing within it is Markdown. So names only
have to be HTML, and no line may be empty. What hosts make links of in the finished text, such as @names and #numbers,
is taken apart by a space that nobody sees.
"""

import re
from collections.abc import Iterable

from markupsafe import escape

from tailgate_loadtest.report import show

_UNSEEN = "\u200b"
_LINKED = re.compile(r"[@#](?=\w)|\bGH-(?=\d)|:(?=//)|:(?=[a-z+-][\w+-]*:)|\bwww(?=\.)", re.IGNORECASE)
_QUOTED = re.compile(r"`([^`]+)`")
NAME, TEXT = 120, 400
"""The most letters of a name, and of a text."""


def plain(text: str, most: int = TEXT) -> str:
    """A text that stands for itself, in one line; at most so many letters of it."""
    # What is cut off is not worth looking at.
    line = show.one_line(text[: 8 * most], most)
    return str(escape(_LINKED.sub(lambda found: found.group() + _UNSEEN, line)))


def code(text: str, most: int = NAME) -> str:
    """A name."""
    return f"<code>{plain(text, most)}</code>"


def prose(text: str, most: int = TEXT) -> str:
    """A text in which what stands in backticks is a name."""
    return _QUOTED.sub(r"<code>\1</code>", plain(text, most))


def fit(lines: Iterable[str], room: int, more: str) -> str:
    """As many lines as fit into so many bytes, and ``more`` with the number of those left out."""
    taken, left = [], 0
    for line in lines:
        room -= len(line.encode()) + 1
        if room >= 0 and not left:
            taken.append(line)
        else:
            left += 1
    return "\n".join([*taken, *([more.format(left)] if left else [])])


def items(lines: Iterable[str], room: int) -> str:
    """A list; empty if there is nothing on it."""
    listed = fit((f"<li>{line}</li>" for line in lines), room, "<li>and {} more, in the report</li>")
    return f"<ul>\n{listed}\n</ul>" if listed else ""


def table(heads: Iterable[str], rows: Iterable[Iterable[str]], room: int) -> str:
    """A table of cells that are HTML already; empty if it has no row."""
    titles = list(heads)
    written = ("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    more = f'<tr><td colspan="{len(titles)}">and {{}} more, in the report</td></tr>'
    listed = fit(written, room, more)
    head = "<tr>" + "".join(f"<th>{title}</th>" for title in titles) + "</tr>"
    return f"<table>\n{head}\n{listed}\n</table>" if listed else ""


def folded(title: str, content: str) -> str:
    """Content that is shown when it is asked for; empty if there is none."""
    return f"<details><summary>{title}</summary>\n{content}\n</details>" if content else ""

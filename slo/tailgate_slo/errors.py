"""What can be wrong with an objectives file.

SloError
├── FileError       the file is missing, too large or not UTF-8
├── DocumentError   the file's text is not what it must be; names the place and the cure
└── DocumentsError  that of several documents is not
"""

from collections.abc import Sequence

_SHOWN = 60
_MOST = 20
"""Documents whose mistakes are named at once."""


class SloError(Exception):
    """An objectives file that cannot be used; the message says where and what would be right."""


class FileError(SloError):
    """The file's bytes cannot be had or are not text."""


class DocumentError(SloError):
    """One place in the file is wrong.

    ``line`` and ``document`` count from 1; ``title`` is the document's kind and name where it has them,
    ``path`` the keys down to the place (``spec.objectives[0].target``), ``value`` its text where it is a
    single value.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: str,
        line: int,
        document: int,
        title: str | None = None,
        path: str = "",
        value: str | None = None,
        cure: str = "",
    ) -> None:
        self.problem, self.cure = problem, cure
        self.file, self.line, self.document = file, line, document
        self.title, self.path, self.value = title, path, value
        where = f"{file}:{line}: document {document}" + (f" ({title})" if title else "")
        what = (f", {path}" if path else "") + (f" = {shorten(value)}" if value is not None else "")
        message = f"{where}{what}: {problem}."
        if cure:
            message += f" {cure}" + ("" if cure.endswith("?") else ".")
        super().__init__(message)


class DocumentsError(SloError):
    """Several documents of the file are wrong; ``errors`` are the first mistakes of each."""

    def __init__(self, errors: Sequence[DocumentError]) -> None:
        self.errors = tuple(errors)
        more = f"\nand {len(errors) - _MOST} more documents" if len(errors) > _MOST else ""
        super().__init__("\n".join(map(str, errors[:_MOST])) + more)


def shorten(text: str) -> str:
    """The text as one printable line of at most 60 characters."""
    line = " ".join(text.split())
    line = "".join(char if char.isprintable() else "�" for char in line)
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"

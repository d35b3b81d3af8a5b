"""The errors of this package.

ServiceError
├── SettingsError             a value of the environment that cannot be
├── DatabaseError
│   ├── ClusterError          the embedded Postgres cannot be installed, started or stopped
│   ├── MigrationError
│   │   ├── MigrationEditedError  an applied migration is not the one in the files
│   │   └── MigrationLockedError  another runner, a transaction or a serving process holds what is needed
│   └── VerifyError           a database that cannot be verified as it is
├── SeedError                 a seed that cannot be made
├── RelayError                the relay cannot listen or is told nonsense
├── StackError                a process of the embedded stack did not become ready
├── MeasureError              what is measured does not do what it is measured at
├── NotReadyError             the database does not answer, or its schema is older than the variant needs
├── TokenError                a token that lets nobody in: 401
├── IssuerError               the keys of the tokens' issuer cannot be had: 503
├── UnknownError              what a request names is not in its workspace: 404
├── FieldError                a field of a request's body cannot be stored
│   ├── UnfitError            it names what its workspace does not have: 422
│   └── TakenError            it must differ from all others of its workspace, and does not: 409
├── StaleError                a row is at another version than the one that was to be changed: 412
├── DuplicateError            a message was taken in before
├── NoticeError               a notification of changed documents that cannot be understood
├── ProviderError             the voice provider did not do what it was asked
└── LiveError                 a live connection cannot be, or not any more
    ├── GoneError             what it asks for is not there any more: it must read anew
    ├── SlowError             it does not take what it is sent
    └── BusyError             there are as many as there may be
"""


class ServiceError(Exception):
    """Anything this package raises on purpose; its text names the place and the cure."""


class SettingsError(ServiceError):
    """A value of the environment that cannot be."""


class DatabaseError(ServiceError):
    """The database's own life went wrong."""


class ClusterError(DatabaseError):
    """The embedded Postgres cannot be installed, started or stopped."""


class MigrationError(DatabaseError):
    """The migrations and the database do not fit together."""


class MigrationEditedError(MigrationError):
    """An applied migration is not the one in the files."""


class MigrationLockedError(MigrationError):
    """Another runner, a transaction or a serving process holds what is needed."""


class VerifyError(DatabaseError):
    """A database that cannot be verified as it is."""


class SeedError(ServiceError):
    """A seed that cannot be made."""


class RelayError(ServiceError):
    """The relay cannot listen, or is told nonsense."""


class StackError(ServiceError):
    """A process of the embedded stack did not become ready."""


class MeasureError(ServiceError):
    """What is measured does not do what it is measured at."""


class NotReadyError(ServiceError):
    """The database does not answer, or its schema is older than the variant needs."""


class TokenError(ServiceError):
    """A token that lets nobody in; the text says of it why, and quotes nothing of it."""


class IssuerError(ServiceError):
    """The keys of the tokens' issuer cannot be had, or not believed."""


class UnknownError(ServiceError):
    """What a request names is not in its workspace; the text is a sentence for the caller."""


class FieldError(ServiceError):
    """A field of a request's body, dotted when nested, cannot be stored; ``detail`` is for the caller."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"body {field}: {detail}")
        self.field = field
        self.detail = detail


class UnfitError(FieldError):
    """It names what its workspace does not have."""


class TakenError(FieldError):
    """It must differ from all others of its workspace, and does not."""


class StaleError(ServiceError):
    """A row is at ``version``, another than the one that was to be changed; None when there is no row."""

    def __init__(self, version: int | None) -> None:
        super().__init__("there is none to change" if version is None else f"it is at version {version} by now")
        self.version = version


class ProviderError(ServiceError):
    """The voice provider did not do what it was asked, as far as is known; the text is for the caller."""


class NoticeError(ServiceError):
    """A notification of changed documents that cannot be understood."""


class DuplicateError(ServiceError):
    """A message was taken in before; undoes the transaction it is raised in."""


class LiveError(ServiceError):
    """A live connection cannot be, or not any more."""


class GoneError(LiveError):
    """What it asks for is not there any more: it must read anew; the text is a sentence for the caller."""


class SlowError(LiveError):
    """It does not take what it is sent."""


class BusyError(LiveError):
    """There are as many as there may be; the text is a sentence for the caller."""

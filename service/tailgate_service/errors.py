"""The errors of this package.

ServiceError
├── SettingsError             a value of the environment that cannot be
├── DatabaseError
│   ├── ClusterError          the embedded Postgres cannot be installed, started or stopped
│   └── MigrationError
│       ├── MigrationEdited   an applied migration is not the one in the files
│       └── MigrationLocked   another runner holds the lock
├── SeedError                 a seed that cannot be made
├── RelayError                the relay cannot listen or is told nonsense
└── StackError                a process of the embedded stack did not become ready
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


class MigrationEdited(MigrationError):
    """An applied migration is not the one in the files."""


class MigrationLocked(MigrationError):
    """Another runner holds the lock."""


class SeedError(ServiceError):
    """A seed that cannot be made."""


class RelayError(ServiceError):
    """The relay cannot listen, or is told nonsense."""


class StackError(ServiceError):
    """A process of the embedded stack did not become ready."""

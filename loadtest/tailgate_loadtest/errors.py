"""What can go wrong in loadtest, as one tree.

LoadtestError
├── ProfileError     a load profile file is wrong, or none has the name asked for
├── PlanError        what was asked for cannot be run as asked
├── OpenApiError     an OpenAPI file is missing or wrong
├── FeedError        a file of rows is missing or damaged, or has run out
├── TargetsError     the targets file is missing or wrong
├── TargetUnreachableError   nothing answers at the host
├── CountersError    the service's own counters cannot be read
├── TrafficError     production's traffic cannot be read, or is too little to make a profile of
├── ComparisonError  two sides have too little in common to be compared
├── EngineError      the engine process did not do its work
├── BrowserError     a real browser, or what drives it, is missing or does not start
├── HistogramError   bytes or a value that no histogram can hold
│   └── DeltaError   what a worker sent is no account of what it counted
└── BundleError      a run bundle is missing, incomplete, or of a newer schema
"""


class LoadtestError(Exception):
    """The root: its message is one sentence for the person at the terminal, naming the place and the cure."""


class ProfileError(LoadtestError):
    """A load profile is wrong, or there is none of that name."""


class PlanError(LoadtestError):
    """What was asked for cannot be run as asked."""


class OpenApiError(LoadtestError):
    """An OpenAPI file is missing or wrong."""


class FeedError(LoadtestError):
    """A file of rows is missing or damaged, or has run out."""


class TargetsError(LoadtestError):
    """The targets file is missing or wrong."""


class TargetUnreachableError(LoadtestError):
    """Nothing answers at the host."""


class CountersError(LoadtestError):
    """The service's own counters cannot be read; a run goes on without them."""


class TrafficError(LoadtestError):
    """Production's traffic cannot be read, or is too little to make a profile of."""


class ComparisonError(LoadtestError):
    """Two sides have too little in common to be compared."""


class EngineError(LoadtestError):
    """The engine process did not do its work."""


class BrowserError(LoadtestError):
    """A real browser, or what drives it, is missing or does not start; or a visit script is none."""


class HistogramError(LoadtestError):
    """Bytes that are no histogram, or a value outside its range."""


class DeltaError(HistogramError):
    """What a worker sent is no account of what it counted."""


ANEW = "copy the bundle anew, or run again"
"""What is to be done about a file of a bundle that is damaged."""


class BundleError(LoadtestError):
    """A run bundle is missing, incomplete, or of a newer schema."""

"""The error tree: a caller needs to know one thing, whether trying again can help.

KoeError
├── TransientError        try again later, nothing needs to change
│   └── Overloaded        ... after `retry_after` seconds
└── PermanentError        trying again cannot help: somebody must change something
    ├── InvalidInput      what was sent is wrong; says what would be valid
    ├── NotFound          no such row in this workspace
    ├── Conflict          clashes with what is stored
    └── Misconfigured     a setting, a file or a server is wrong; says what to do
"""


class KoeError(Exception):
    """Every error that Koe raises on purpose."""


class TransientError(KoeError):
    """Trying again later can help."""


class Overloaded(TransientError):
    """The queue is full; `retry_after` is in seconds."""

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PermanentError(KoeError):
    """Trying again cannot help."""


class InvalidInput(PermanentError):
    """What was sent is wrong; `field` names the place, the message says what would be valid."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class NotFound(PermanentError):
    """No such row in this workspace."""


class Conflict(PermanentError):
    """What was asked clashes with what is stored."""


class Misconfigured(PermanentError):
    """A setting, a file or a server is wrong; the message says what to do."""

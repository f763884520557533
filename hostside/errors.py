"""The module's errors. The agent turns each into a fault that begins with the class's full name: so
a client knows that the module is installed, and what happened (agent-behaviour.md 2)."""


class HostModuleError(Exception):
    """Base class of all errors of this module."""


class InvalidArgument(HostModuleError):
    """An argument is not valid; nothing was done."""


class NotAllowed(HostModuleError):
    """A path outside repositories and secondary mounts, through a link, or not to a file."""


class NotMounted(HostModuleError):
    """Nothing is mounted there, so nothing below it may be read or written."""


class NotFound(HostModuleError):
    """No such file, document or job."""


class Exists(HostModuleError):
    """The file exists already; it was not changed."""


class NotEmpty(HostModuleError):
    """The container has objects or unfinished uploads; nothing was deleted."""


class Conflict(HostModuleError):
    """Another writer was first; nothing of this request was kept."""


class Timeout(HostModuleError):
    """It did not finish within its time limit; its outcome is unknown."""


class Failed(HostModuleError):
    """The host or its file system reported an error; the text has its message."""

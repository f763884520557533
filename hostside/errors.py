"""What goes wrong. The agent makes a fault of each, which begins with the class's full name: so a
client knows that the module is there, and what happened (agent-behaviour.md 2)."""


class HostModuleError(Exception):
    """Any of these."""


class InvalidArgument(HostModuleError):
    """An argument is wrong; nothing was done."""


class NotAllowed(HostModuleError):
    """A path outside repositories and secondary mounts, through a link, or to what is no file."""


class NotMounted(HostModuleError):
    """Nothing is mounted there, so nothing may be read or written below it."""


class NotFound(HostModuleError):
    """There is no such file, document or job."""


class Exists(HostModuleError):
    """There is such a file already; it was left alone."""


class Conflict(HostModuleError):
    """Another writer was first; nothing of this request stands."""


class Timeout(HostModuleError):
    """It did not end within its time; what came of it is not known."""


class Failed(HostModuleError):
    """The host or its file system failed; the text says what it said."""

"""Every error this package raises on purpose: one small tree, rooted in libcloud's LibcloudError.

An error says what failed, on which host, with which function or object, in the agent's own words
where there are any. All of them pickle (Salt and multiprocessing move exceptions between
processes).

    Ovm3Error
    ├── InvalidArgument            bad input; nothing was sent (also a ValueError)
    ├── HostUnreachable            definite: the request never left this machine
    │   ├── CertificateRejected    the host's certificate is not the one that was asked for
    │   ├── HostKeyRejected        the same of the host's key for SSH
    │   └── HostNotVerified        neither pin nor CA for this host: it was not contacted
    ├── BadCredentials             HTTP 401/403 (also libcloud's InvalidCredsError)
    ├── AgentFault                 the agent answered that it refused or failed
    ├── OutcomeUnknown             the request was sent; its outcome is unknown
    │   ├── TimedOut               no complete response within the limit
    │   └── MalformedResponse      a response came that cannot be read
    ├── DuplicateServerId          two hosts have one server uuid
    ├── NodeNotFound, ImageNotFound, AmbiguousName, NameTaken
    ├── PreconditionFailed         not started, because of what was read; nothing was sent
    │   ├── UnexpectedFileContent  the same, quoting lines of a file
    │   ├── SearchIncomplete       not found, but something that may hold it could not be read
    │   ├── HostNotFound           no host of the estate has this id or address
    │   └── ReadOnly               a call that may change something, with ex_read_only
    ├── WaitTimeout                a wait reached its limit
    └── OperationIncomplete        an operation did not finish; names what may be left
"""

from __future__ import annotations

from typing import Any

from libcloud.common.types import InvalidCredsError, LibcloudError, MalformedResponseError


def shown(text: str, keep: str = "") -> str:
    """A text as messages and terminals show it: what cannot be printed as its escape.

    Names of VMs, hosts and files, and faults, may hold anything: newlines, escape sequences, marks
    that turn the direction of writing, halves of surrogate pairs. Shown, a text is one line, and
    does nothing to a terminal.

    :param keep: characters that stay all the same.
    """
    if text.isprintable():
        return text
    return "".join(
        one
        if one.isprintable() or one in keep
        else one.encode("unicode_escape", "surrogatepass").decode("ascii")
        for one in text
    )


class Ovm3Warning(UserWarning):
    """A warning of this package: a silent host, a check switched off, a disk that was kept."""

    def __str__(self) -> str:
        return shown(super().__str__())


class Ovm3Error(LibcloudError):
    """The root of all errors of this package.

    :param value: What failed, on which host and object, and what to do, in one text. ``str()`` of
        the error is that text as :func:`shown` makes it, on one line.
    :param driver: The libcloud driver, if one was at hand (not pickled: it holds connections).
    :param host: The host's address as this package calls it (``address:port``), if it concerns one.
    :param function: The agent's function that was called, if it concerns one.
    """

    def __init__(
        self,
        value: str,
        driver: Any = None,
        *,
        host: str | None = None,
        function: str | None = None,
    ) -> None:
        super().__init__(value, driver=driver)
        self.args = (value,)
        self.host = host
        self.function = function

    def __str__(self) -> str:
        return shown(str(self.value))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        state = {k: v for k, v in self.__dict__.items() if k != "driver"}
        return (_rebuild, (type(self), state))


def _rebuild(cls: type[Ovm3Error], state: dict[str, Any]) -> Ovm3Error:
    error = cls.__new__(cls)
    error.__dict__.update(state, driver=None)
    error.args = (state["value"],)
    return error


class InvalidArgument(Ovm3Error, ValueError):
    """An argument is wrong; nothing was sent. Says what was given and what is expected."""


class HostUnreachable(Ovm3Error):
    """The host could not be reached: name, route, refused connection, TLS. Nothing was sent."""


class CertificateRejected(HostUnreachable):
    """The host's certificate does not match the pin or the CA. No credentials were sent."""


class HostKeyRejected(HostUnreachable):
    """The host's SSH key is not the known one, or none is known. No credentials were sent."""


class HostNotVerified(HostUnreachable):
    """A host of the pool has neither a pin nor a CA, so it was not contacted."""


class BadCredentials(Ovm3Error, InvalidCredsError):
    """The agent refused user or password (HTTP 403; agent-behaviour 1)."""


class AgentFault(Ovm3Error):
    """The agent answered with a fault.

    A call may take effect and then fault, so what changes something looks before it raises one: the
    message says what was seen.

    :ivar code: faultCode (1 in every sample known).
    :ivar kind: the Python class the agent names, e.g. ``exceptions.OSError`` (``""`` if it names
        none).
    :ivar text: the agent's message, unchanged.
    """

    def __init__(self, value: str, *, code: int, kind: str, text: str, **where: Any) -> None:
        super().__init__(value, **where)
        self.code = code
        self.kind = kind
        self.text = text

    def after_a_look(self, seen: str) -> AgentFault:
        """The same fault, saying also what a look has shown since."""
        return AgentFault(
            f"{self}; {seen}",
            driver=self.driver,
            code=self.code,
            kind=self.kind,
            text=self.text,
            host=self.host,
            function=self.function,
        )


class OutcomeUnknown(Ovm3Error):
    """The request was sent and no answer came. It may have taken effect, or may still do so."""


class TimedOut(OutcomeUnknown):
    """No whole answer came within the time limit of its kind of call."""


class MalformedResponse(OutcomeUnknown, MalformedResponseError):
    """What came is no XML-RPC answer: truncated, HTML, wrong encoding, another HTTP status.

    libcloud's ``body`` stays None: an answer may hold passwords.
    """


# After one of these the call has certainly had no effect. After an OutcomeUnknown nobody knows, and
# after an AgentFault a look has to confirm it.
NEVER_SENT = (HostUnreachable, BadCredentials)


class DuplicateServerId(Ovm3Error):
    """Two hosts that answer have one server uuid, so they cannot be told apart by it."""


class NodeNotFound(Ovm3Error):
    """No host and no repository knows this node, and all of them could be read."""


class ImageNotFound(Ovm3Error):
    """No repository has this image, and the one that it names could be read."""


class AmbiguousName(Ovm3Error):
    """Several nodes carry this name: use the id."""


class NameTaken(Ovm3Error):
    """A node of this name exists somewhere in the estate."""


class PreconditionFailed(Ovm3Error):
    """The operation was not begun, because what was seen forbids it. Nothing was sent."""


class UnexpectedFileContent(PreconditionFailed):
    """Refused because of lines of a file, which its text quotes, each on a line of its own."""

    def __str__(self) -> str:
        return shown(str(self.value), keep="\n")


class SearchIncomplete(PreconditionFailed):
    """What was asked for was not found, but something could not be read that may hold it."""


class HostNotFound(PreconditionFailed):
    """No host of the estate has this id or address, and all of them answered."""


class ReadOnly(PreconditionFailed):
    """Only reads are allowed (ex_read_only), and this call is not surely one. It was not sent."""


class WaitTimeout(Ovm3Error):
    """A wait has reached its limit and what should have gone is still there."""


class OperationIncomplete(Ovm3Error):
    """An operation broke off: its end is not known, or it has left something behind.

    :ivar left: what is, or may still come to be, left: node ids and disk paths, for a person to
        look at.
    """

    def __init__(self, value: str, *, left: tuple[str, ...] = (), **where: Any) -> None:
        super().__init__(value, **where)
        self.left = left

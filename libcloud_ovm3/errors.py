"""Every error this package raises on purpose: one small tree, rooted in libcloud's LibcloudError.

The message of an error says what failed, on which host, with which function or object, with the
agent's own text if there is one, and what to do. All errors can be pickled (Salt and
multiprocessing pass exceptions between processes)::

    Ovm3Error
    ├── InvalidArgument            invalid input; nothing was sent (also a ValueError)
    ├── HostUnreachable            the request was certainly not sent
    │   ├── CertificateRejected    the host's certificate does not match the pin or the CA
    │   ├── HostKeyRejected        the host's SSH key is not the known one
    │   └── HostNotVerified        neither pin nor CA for this host: it was not contacted
    ├── BadCredentials             HTTP 401/403 (also libcloud's InvalidCredsError)
    ├── AgentFault                 the agent returned a fault
    ├── OutcomeUnknown             the request was sent; its outcome is unknown
    │   ├── TimedOut               no complete response within the limit
    │   └── MalformedResponse      the response cannot be parsed, or is not as documented
    ├── DuplicateServerId          two hosts have the same server uuid
    ├── NodeNotFound, ImageNotFound, AmbiguousName, NameTaken
    ├── KeyPairNotFound, KeyPairTaken  (also libcloud's KeyPairError)
    ├── ContainerNotFound, ContainerTaken, ContainerNotEmpty, InvalidContainerName,
    │   ObjectNotFound, ObjectHashMismatch  (storage_errors.py; also libcloud's)
    ├── PreconditionFailed         not started because of the current state; nothing was sent
    │   ├── UnexpectedFileContent  the same, quoting lines of a file
    │   ├── ChangedMeanwhile       another client was first; the same may succeed when tried again
    │   ├── SearchIncomplete       not found, but something that may hold it could not be read
    │   ├── HostNotFound           no host of the estate has this id or address
    │   └── ReadOnly               the call is not known to be read-only (ex_read_only)
    ├── WaitTimeout                a wait reached its limit
    └── OperationIncomplete        an operation was not completed; names what may be left
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from libcloud.common.types import InvalidCredsError, LibcloudError, MalformedResponseError
from libcloud.compute.types import KeyPairDoesNotExistError, KeyPairError


def by_reason(found: Iterable[tuple[str, str]]) -> list[str]:
    """Who has a reason, reason by reason: hosts with the same one are named together.

    :param found: pairs of a host, or another thing, and its reason.
    """
    grouped: dict[str, dict[str, None]] = {}
    for who, reason in found:
        grouped.setdefault(reason, {})[who] = None
    return [f"{', '.join(names)}: {reason}" for reason, names in grouped.items()]


def shown(text: str, keep: str = "") -> str:
    """A text for messages and terminals, with escapes for characters that are not printable.

    Names of VMs, hosts and files, and faults, may contain newlines, escape sequences, marks that
    change the writing direction, or unpaired surrogates. The result is a single line and has no
    effect on a terminal.

    :param keep: Characters that are not escaped.
    """
    if text.isprintable():
        return text
    return "".join(
        one
        if one.isprintable() or one in keep
        else one.encode("unicode_escape", "surrogatepass").decode("ascii")
        for one in text
    )


_FRAMES = re.compile(r"Traceback \(most recent call last\):\n(?:[ \t].*\n)*")


def _without_frames(text: str) -> str:
    """A text without the frames of the tracebacks in it: what was raised is in the line after."""
    return _FRAMES.sub("", text).strip() if _FRAMES.search(text) else text


class Ovm3Warning(UserWarning):
    """A warning of this package, such as an unreachable host or a disk that was kept."""

    def __str__(self) -> str:
        return shown(super().__str__())


LOG = logging.getLogger("libcloud_ovm3")
LOG.addHandler(logging.NullHandler())  # else Python prints it on stderr, beside the warning


def warn(text: str, stacklevel: int) -> None:
    """Give a warning and log it (logger ``libcloud_ovm3``, level WARNING).

    Python shows a warning of one line of a program only once; the log has it each time.

    :param stacklevel: As in :func:`warnings.warn`: 1 is the line that calls this function.
    """
    LOG.warning("%s", shown(text))
    warnings.warn(text, Ovm3Warning, stacklevel=stacklevel + 1)


class Ovm3Error(LibcloudError):
    """The root of all errors of this package.

    :param value: What failed, on which host and object, and what to do, in one text. ``str()`` of
        the error is that text on one line, with escapes for what is not printable.
    :param driver: The libcloud driver, if there was one (it is not pickled, as it has connections).
    :param host: The address of the host (``address:port``), if the error concerns one.
    :param function: The agent's function that was called, if it concerns one.
    :param nodes: The nodes that it concerns, as mappings with ``id``, ``name`` and ``state`` (the
        state as it was read last, such as ``running``; None: not read).
    """

    def __init__(
        self,
        value: str,
        driver: Any = None,
        *,
        host: str | None = None,
        function: str | None = None,
        nodes: Iterable[Mapping[str, str | None]] = (),
    ) -> None:
        super().__init__(value, driver=driver)
        self.args = (value,)
        self.host = host
        self.function = function
        self.nodes = tuple(dict(node) for node in nodes)

    @property
    def node_id(self) -> str | None:
        """The id of the node that the error concerns, the first one if there are several."""
        return self.nodes[0].get("id") if self.nodes else None

    @property
    def node_name(self) -> str | None:
        """The name of that node."""
        return self.nodes[0].get("name") if self.nodes else None

    @property
    def node_state(self) -> str | None:
        """The state of that node as it was read last; None also if it was not read."""
        return self.nodes[0].get("state") if self.nodes else None

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
    """An argument is invalid; nothing was sent. The message has the value and what is expected."""


class HostUnreachable(Ovm3Error):
    """The host could not be reached (name resolution, route, connection, TLS); nothing was sent."""


class CertificateRejected(HostUnreachable):
    """The host's certificate does not match the pin or the CA. No credentials were sent."""


class HostKeyRejected(HostUnreachable):
    """The host's SSH key is not the known one, or none is known; no credentials were sent."""


class HostNotVerified(HostUnreachable):
    """A host of the pool has neither a pin nor a CA, so it was not contacted."""


class BadCredentials(Ovm3Error, InvalidCredsError):
    """The agent rejected user or password (HTTP 401 or 403; agent-behaviour 1)."""


class AgentFault(Ovm3Error):
    """The agent returned a fault.

    A call may take effect and then fault. So after a fault of a change the state is read before
    this error is raised, and the message says what was found.

    :ivar code: faultCode (1 in every sample known).
    :ivar kind: the Python class the agent names, e.g. ``exceptions.OSError`` (``""`` if it names
        none).
    :ivar text: the agent's message, unchanged: all its lines, and a traceback in it, which
        ``str()`` of the error leaves out.
    """

    def __init__(self, value: str, *, code: int, kind: str, text: str, **where: Any) -> None:
        super().__init__(value, **where)
        self.code = code
        self.kind = kind
        self.text = text

    def __str__(self) -> str:
        return shown(_without_frames(str(self.value)))

    def with_state(self, state: str, *nodes: Mapping[str, str | None]) -> AgentFault:
        """The same fault with the state that was read afterwards, and the node that it concerns."""
        return AgentFault(
            f"{self}; {state}",
            driver=self.driver,
            code=self.code,
            kind=self.kind,
            text=self.text,
            host=self.host,
            function=self.function,
            nodes=nodes or self.nodes,
        )


class OutcomeUnknown(Ovm3Error):
    """The request was sent; its outcome is unknown. It may have taken effect, or may still."""


class TimedOut(OutcomeUnknown):
    """No complete response arrived within the time limit of the call."""


class MalformedResponse(OutcomeUnknown, MalformedResponseError):
    """The response is not valid XML-RPC (truncated, HTML, wrong encoding, another HTTP status), or
    its content is not as documented.

    libcloud's ``body`` is always None: a response may contain passwords.
    """


# After one of these the call certainly had no effect. After an OutcomeUnknown that is unknown, and
# after an AgentFault it must be confirmed by reading the state.
NEVER_SENT = (HostUnreachable, BadCredentials)


class DuplicateServerId(Ovm3Error):
    """Two hosts have the same server uuid, so it does not identify them."""


class NodeNotFound(Ovm3Error):
    """No host and no repository has this node, and all of them could be read."""


class ImageNotFound(Ovm3Error):
    """No repository has this image, and the repository in its id could be read."""


class VolumeNotFound(Ovm3Error):
    """There is no such volume or snapshot."""


class NetworkNotFound(Ovm3Error):
    """There is no such network, network device or network card."""


class AmbiguousName(Ovm3Error):
    """Several nodes, repositories or volumes have this name: use the id. ``nodes``: the nodes."""


class NameTaken(Ovm3Error):
    """A node or a repository has this name already. ``nodes`` has all nodes that have it."""


def _about_key_pair(
    self: Any, value: str, driver: Any = None, *, name: str | None = None, **where: Any
) -> None:
    """The constructor of errors about a key pair; that of libcloud takes the name alone."""
    Ovm3Error.__init__(self, value, driver, **where)
    self.value, self.name = value, name


class KeyPairTaken(NameTaken, KeyPairError):
    """A key pair with this name already exists, in the repository that was meant.

    :ivar name: The name.
    """

    __init__ = _about_key_pair


class KeyPairNotFound(Ovm3Error, KeyPairDoesNotExistError):
    """There is no key pair with this name, and everything could be read.

    :ivar name: The name.
    """

    __init__ = _about_key_pair


class PreconditionFailed(Ovm3Error):
    """The operation was not started: the current state does not allow it. Nothing was sent."""


class UnexpectedFileContent(PreconditionFailed):
    """Not started because of the content of a file. The message quotes lines of it, joined with
    ``|``; :meth:`on_lines` has each on a line of its own.
    """

    def __str__(self) -> str:
        return shown(" | ".join(line.strip() for line in str(self.value).split("\n")))

    def on_lines(self) -> str:
        """The message with each quoted line on a line of its own, for terminals."""
        return shown(str(self.value), keep="\n")


class ChangedMeanwhile(PreconditionFailed):
    """Nothing was done, as another client was first. Trying the same again may succeed."""


class SearchIncomplete(PreconditionFailed):
    """The object was not found, but something that may contain it could not be read."""


class HostNotFound(PreconditionFailed):
    """No host has this id or address, and all hosts answered; or no unreachable host has it, which
    is said to be off (ex_hosts_off)."""


class ReadOnly(PreconditionFailed):
    """The call was not sent: it is not known to be read-only, and only reads are allowed
    (ex_read_only)."""


class WaitTimeout(Ovm3Error):
    """A wait reached its time limit before the expected state was reached."""


class OperationIncomplete(Ovm3Error):
    """An operation was not completed: its outcome is unknown, or it left something behind.

    :ivar left: What is left, or may still appear: node ids and disk paths. Manual intervention is
        required.
    """

    def __init__(self, value: str, *, left: tuple[str, ...] = (), **where: Any) -> None:
        super().__init__(value, **where)
        self.left = left

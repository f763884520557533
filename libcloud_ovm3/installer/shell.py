"""Commands for dom0's shell, whatever root's startup files do. Pure.

Bash reads ``.bashrc`` also for a command that comes over SSH. What that writes stands before our
command's output (into SFTP too, which it breaks), and aliases, functions, a umask or variables that
it sets would hold for our commands. So each command runs in a shell of its own that has read
nothing, and says when it begins.
"""

from __future__ import annotations

from shlex import quote

# Put together by the host: the command itself, shown by a shell that traces, does not contain it.
_PARTS = ("libcloud-ovm3-", "begins")
BEGIN = "".join(_PARTS).encode() + b"\n"

# SHLVL: a bash that takes itself for the first one reads .bashrc, whatever it is called by.
_ENVIRONMENT = (
    "SHLVL=9 HOME=/ LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)
_SFTP_SERVERS = (
    "/usr/libexec/openssh/sftp-server",
    "/usr/lib/openssh/sftp-server",
    "/usr/libexec/sftp-server",
    "/usr/lib/ssh/sftp-server",
    "/usr/lib/sftp-server",
)


def clean(script: str) -> str:
    """A command that runs this script of ``sh``, after :data:`BEGIN`; errors come as output."""
    # \exec: no alias. Of the shell that has read startup files nothing is left, its traps neither.
    begin = f"printf '%s%s\\n' {_PARTS[0]} {_PARTS[1]}"
    inner = f"{begin}\nexec 2>&1\numask 022\n{script}"
    return f"\\exec /usr/bin/env -i {_ENVIRONMENT} /bin/sh -c {quote(inner)}"


def sftp_server() -> str:
    """A script that becomes the SFTP server, which sshd would start by a shell with greetings."""
    tries = "; ".join(f"[ -x {path} ] && exec {path}" for path in _SFTP_SERVERS)
    return f"{tries}; exit 127"


def shown(greeting: bytes) -> str:
    """What a shell wrote that it should not have, for an error."""
    return repr(greeting.decode("utf-8", "replace").strip()[:200])

"""Commands for dom0's shell that are independent of root's startup files. Pure.

Bash reads ``.bashrc`` also for a command that comes over SSH. Its output precedes the command's
output (also in SFTP, which fails then), and its aliases, functions, umask and variables would apply
to our commands. So each command runs in a new shell that has read no startup file, and marks the
beginning of its output.
"""

from __future__ import annotations

from shlex import quote

# Joined on the host: the command itself, printed by a shell that traces, does not contain it.
_PARTS = ("libcloud-ovm3-", "begins")
BEGIN = "".join(_PARTS).encode() + b"\n"

# SHLVL: a bash that considers itself the first one reads .bashrc, however it is started.
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
    """Return a command that prints :data:`BEGIN` and runs a script of ``sh``, stderr included."""
    # \exec: no alias. Nothing remains of the shell that has read startup files, not even traps.
    begin = f"printf '%s%s\\n' {_PARTS[0]} {_PARTS[1]}"
    inner = f"{begin}\nexec 2>&1\numask 022\n{script}"
    return f"\\exec /usr/bin/env -i {_ENVIRONMENT} /bin/sh -c {quote(inner)}"


def sftp_server() -> str:
    """Return a script that starts the SFTP server in a shell without startup files."""
    tries = "; ".join(f"[ -x {path} ] && exec {path}" for path in _SFTP_SERVERS)
    return f"{tries}; exit 127"


def shown(greeting: bytes) -> str:
    """Return unexpected output of a shell, for an error message."""
    return repr(greeting.decode("utf-8", "replace").strip()[:200])

"""Hosts where root's startup files interfere: cases N12a to N12c, and similar ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from libcloud_ovm3.errors import OperationIncomplete
from libcloud_ovm3.installer import SSHConnection, payload, shell
from tests.cli.running import run
from tests.installer.ssh.place import Place

pytestmark = pytest.mark.sshd

BASHRC = {
    "stderr": "stty erase ^H\nmesg n\necho oops >&2\n",
    "stdout": 'echo "*** ovm-1 PRODUCTION - do not reboot ***"\n',
    "aliases": "alias rm='rm -i'\nalias cp='cp -i'\nalias mv='mv -i'\nexport TMOUT=900\n"
    "umask 077\n",
    "aliases that work": "shopt -s expand_aliases\nalias cp='cp -i' mv='mv -i' exec='echo exec'\n",
    "functions": "cp() { echo no; }\nmv() { echo no; }\nmd5sum() { echo no; }\n"
    "export -f cp mv md5sum\n",
    "tracing": "set -xv\ntrap 'echo \"$BASH_COMMAND\"' DEBUG\ntrap 'echo bye' EXIT\n",
    "variables": "export CDPATH=/usr:/ GREP_OPTIONS=--color=always PATH=/nowhere\n"
    "export POSIXLY_CORRECT=1 LC_ALL=C.UTF-8 BASH_ENV=~/.bashrc ENV=~/.bashrc\necho again\n",
    "no newline": "printf 'no newline'\n",
    "binary": "printf '\\377\\000\\001\\n\\n'\nyes | head -5000\n",
    "three letters": "printf '\\nab'\n",
    "much on stderr": "yes stderr | head -c 300000 >&2\n",
    "nounset": "set -eu\n",
}


@pytest.mark.parametrize("what", BASHRC)
def test_install_check_and_uninstall(sshd_of_old: Callable[[], SSHConnection], what: str) -> None:
    """SFTP begins with the greeting, as does what each command writes."""
    home: Path = sshd_of_old.folder  # type: ignore[attr-defined]
    (home / ".bashrc").write_text(BASHRC[what])
    with Place.of("3.3.3", False, sshd_of_old) as place:
        before = place.disk()
        assert place.check().verdict == "not installed"
        assert place.install().state.verdict == "ok"
        modes = {place.site.joinpath(name).stat().st_mode & 0o777 for name in payload.files()}
        assert modes == {0o644}
        assert not place.install().changed
        assert place.check().verdict == "ok"
        place.uninstall()
        assert place.disk() == before
        assert place.ssh.run("echo out; echo error >&2; exit 7") == (7, "out\nerror\n")


@pytest.mark.parametrize("bashrc", ["echo Go away; exit 3\n", "exit 3\n", "exec cat /dev/null\n"])
def test_a_shell_that_runs_nothing(sshd_of_old: Callable[[], SSHConnection], bashrc: str) -> None:
    home: Path = sshd_of_old.folder  # type: ignore[attr-defined]
    (home / ".bashrc").write_text(bashrc)
    with pytest.raises(OperationIncomplete, match=r"SFTP cannot be used: .*\.bashrc") as caught:
        sshd_of_old()
    assert "\n" not in str(caught.value)
    assert ("Go away" in str(caught.value)) == ("Go away" in bashrc)


def test_commands_that_do_not_run(sshd: Callable[[], SSHConnection]) -> None:
    """Where SFTP works, as it needs no shell."""
    bashrc: Path = sshd.folder / ".bashrc"  # type: ignore[attr-defined]
    bashrc.write_text("echo Go away\nexit 3\n")
    try:
        with sshd() as line:
            with pytest.raises(OperationIncomplete, match=r"'Go away'.*\.bashrc"):
                line.run("true")
            with (
                pytest.raises(OperationIncomplete, match=r"'Go away'.*\.bashrc"),
                line.running("true"),
            ):
                pass
    finally:
        bashrc.unlink()


@pytest.mark.parametrize(
    ("bashrc", "text"),
    [
        ("echo WARNING: Your password has expired. >&2\nexit 1\n", "password has expired"),
        ("exec echo This account is currently not available.\n", "not available"),
    ],
)
def test_what_the_shell_says_instead(
    sshd: Callable[[], SSHConnection], bashrc: str, text: str
) -> None:
    file: Path = sshd.folder / ".bashrc"  # type: ignore[attr-defined]
    file.write_text(bashrc)
    try:
        with sshd() as line, pytest.raises(OperationIncomplete, match=text):
            line.run("true")
    finally:
        file.unlink()


def test_a_name_that_is_not_utf_8(sshd: Callable[[], SSHConnection], tmp_path: Path) -> None:
    (tmp_path / "caf\udce9").touch()
    with sshd() as line, pytest.raises(OperationIncomplete, match="not UTF-8"):
        line.names(str(tmp_path))


def test_garbled_sftp_and_no_server_to_start(
    sshd_of_old: Callable[[], SSHConnection], monkeypatch: pytest.MonkeyPatch
) -> None:
    home: Path = sshd_of_old.folder  # type: ignore[attr-defined]
    (home / ".bashrc").write_text(BASHRC["stdout"])
    monkeypatch.setattr(shell, "_SFTP_SERVERS", ("/nowhere/sftp-server",))
    with pytest.raises(
        OperationIncomplete, match=r"SFTP cannot be used: .*do not reboot"
    ) as caught:
        sshd_of_old()
    assert "\n" not in str(caught.value)


def test_the_command_line_says_it_in_one_line(sshd_of_old: Callable[[], SSHConnection]) -> None:
    home: Path = sshd_of_old.folder  # type: ignore[attr-defined]
    (home / ".bashrc").write_text("echo Go away\nexit 3\n")
    done = run(
        "host", "check", "127.0.0.1", "--insecure", "--ssh-port", str(sshd_of_old.port),  # type: ignore[attr-defined]
        "--ssh-key", str(home / "login_key"), "--known-hosts", str(home / "known_hosts"),
        password="x",
    )  # fmt: skip
    assert done.returncode == 1
    assert "SFTP cannot be used" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr

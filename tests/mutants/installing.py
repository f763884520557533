"""Behaviours of the installer's edits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

API_PY = b"""# The agent's modules
from agent.api import common, host
import os

MODULES = [
\tcommon.Common,
\thost.linux.Linux,
]

# MODULES is read by agent.target
"""
INI = b"[main]\nxport = 1\n; port = 2\nport=8899\nssl = enable ; as delivered\nssl_key = a\n"
LIBRARY = b"""_setup_bridge_port() {
    a $1 $2
}
setup_physical_bridge_port() {
    _setup_bridge_port $1 0
}
"""
SCRIPT = b"""# setup_bridge_port is called below
setup_bridge_port ${vlandev}
    add_to_bridge x || setup_bridge_port $1
my_setup_bridge_port x
"""
CONSTANTS = b"A = 1\nMINIMUM_RESTART_TIME = 60\nOTHER_MINIMUM_RESTART_TIME = 60\n"


def refused(action: Callable[..., Any], *arguments: Any) -> None:
    from libcloud_ovm3.errors import PreconditionFailed

    try:
        answer = action(*arguments)
    except PreconditionFailed:
        return
    raise AssertionError(f"not refused: {answer!r}")


def patch(name: str) -> Any:
    from libcloud_ovm3.installer.patches import PATCHES

    [found] = [each for each in PATCHES if each.name == name]
    return found


def files(**changed: bytes | None) -> dict[str, bytes | None]:
    from libcloud_ovm3.installer import patches

    named = {
        "release": patches.RELEASE,
        "network": patches.NETWORK,
        "library": patches.LIBRARY,
        "script": patches.VLAN_BRIDGE,
        "constants": patches.CONSTANTS,
        "ini": patches.AGENT_INI,
    }
    texts: dict[str, bytes | None] = {
        "release": b"Oracle VM server release 3.2.1\n",
        "network": b"NETWORKING=yes\n",
        "library": LIBRARY,
        "script": SCRIPT,
        "constants": CONSTANTS,
        "ini": INI,
    }
    return {named[name]: text for name, text in (texts | changed).items()}


def only_the_table_is_changed() -> None:
    from libcloud_ovm3.installer import table

    after = table.register("api.py", API_PY)
    added = [line for line in after.splitlines() if line not in API_PY.splitlines()]
    assert len(after.splitlines()) == len(API_PY.splitlines()) + 2
    assert len(added) == 2
    assert [line for line in added if b"MODULES" in line or b"import common" in line] == []
    assert table.register("api.py", after) == after, "again: nothing more"


def the_way_back_is_exact() -> None:
    from libcloud_ovm3.installer import table

    assert table.unregister("api.py", table.register("api.py", API_PY)) == API_PY
    for name, text in (("vlan-bridge", SCRIPT), ("restart-time", CONSTANTS)):
        changed = patch(name).apply("x", text)
        assert changed != text
        assert patch(name).revert(changed) == text
    for text in (b"", b"NETWORKING=yes", b"NETWORKING=yes\r\n"):
        assert patch("zeroconf").revert(patch("zeroconf").apply("x", text)) == text


def what_came_later_stays() -> None:
    """An older integration's installer that ran after ours, and somebody's own line."""
    from libcloud_ovm3.installer import table

    def older(content: bytes) -> bytes:
        lines = []
        for line in content.split(b"\n"):
            lines.append(line + b", other" if b"import common" in line else line)
            if b"MODULES" in line:
                lines.append(b"\tother.Other,")
        return b"\n".join(lines)

    assert table.unregister("api.py", older(table.register("api.py", API_PY))) == older(API_PY)
    ours, theirs = (b"setup_physical_bridge_port ${%s}" % name for name in (b"vlandev", b"theirs"))
    changed = patch("vlan-bridge").apply("x", SCRIPT).replace(ours, theirs)
    left = patch("vlan-bridge").revert(changed)
    assert theirs + b"\n" in left
    assert b"libcloud" not in left


def an_unknown_structure_is_left_alone() -> None:
    from libcloud_ovm3.installer import table

    for text in (
        b"from agent.api import common\nMODULES = [common.Common]\n",
        b"MODULES = (\n    common.Common,\n)\n",
        b"MODULES = [\n    common.Common,\n]\nMODULES = [\n    host.Host,\n]\n",
        b"MODULES = [\n    common.Common(),\n]\n",
        b"MODULES = [\n    common.Common,\n",
        b"",
    ):
        refused(table.register, "api.py", text)


def an_option_is_its_whole_name() -> None:
    from libcloud_ovm3.installer import patches

    changed = patches.set_options("ini", INI, {"port": "9000"})
    assert b"xport = 1\n; port = 2\n" in changed
    assert b"\nport=9000\n" in changed
    assert patches.option(changed, "port") == "9000"
    assert patches.revert_options(changed) == INI
    changed = patches.set_options("ini", INI, {"ssl": "disable"})
    assert b"\nssl = disable ; as delivered\nssl_key = a\n" in changed
    refused(patches.set_options, "ini", INI + b"port=1\n", {"port": "9000"})
    refused(patches.set_options, "ini", INI, {"ports": "9000"})


def the_right_function_is_called() -> None:
    """The one that takes what the script gives it, at every call, and nowhere else."""
    mended = patch("vlan-bridge").apply("x", SCRIPT)
    code = [line for line in mended.split(b"\n") if not line.startswith(b"#")]
    assert code == [
        b"setup_physical_bridge_port ${vlandev}",
        b"    add_to_bridge x || setup_physical_bridge_port $1",
        b"my_setup_bridge_port x",
        b"",
    ]


def need_is_told_by_what_is_defined() -> None:
    """Not by how many lines have a word."""
    bridge = patch("vlan-bridge")
    assert bridge.is_needed(files())
    more = LIBRARY + b"# _setup_bridge_port again\n_setup_bridge_port x y\n"
    assert bridge.is_needed(files(library=more))
    assert bridge.is_needed(files(script=SCRIPT + b"# _setup_bridge_port\n"))
    assert not bridge.is_needed(files(library=LIBRARY + b"setup_bridge_port() {\n    a\n}\n"))
    assert not bridge.is_needed(files(library=LIBRARY.replace(b"setup_physical", b"other")))
    assert not bridge.is_needed(files(script=SCRIPT.replace(b"setup_bridge", b"_setup_bridge")))


def a_patch_is_put_in_once() -> None:
    for name, which in (("vlan-bridge", "script"), ("restart-time", "constants")):
        text = files()[{"script": patch(name).file, "constants": patch(name).file}[which]]
        mended = patch(name).apply("x", text)
        assert not patch(name).is_needed(files(**{which: mended}))
        assert patch(name).state(files(**{which: mended})) == "applied"
    mended = patch("zeroconf").apply("x", b"NETWORKING=yes\n")
    assert patch("zeroconf").state(files(network=mended)) == "applied"
    assert not patch("zeroconf").is_needed(files(network=b"NOZEROCONF=no\n")), (
        "it is off with no, too"
    )


def a_version_is_a_whole_number() -> None:
    restart = patch("restart-time")
    assert restart.is_needed(files())
    for release in (b"release 3.3.1", b"release 3.2.10", b"release 3.2.1.1", b"release 13.2.1"):
        assert not restart.is_needed(files(release=b"Oracle VM server " + release + b"\n"))
    changed = restart.apply("x", CONSTANTS)
    assert b"\nMINIMUM_RESTART_TIME = 10\nOTHER_MINIMUM_RESTART_TIME = 60\n" in changed


def only_what_is_asked_for_is_set() -> None:
    from libcloud_ovm3.errors import InvalidArgument
    from libcloud_ovm3.installer.preconditions import ini_options

    assert ini_options(None, None) == {}
    assert ini_options(True, None) == {"ssl": "enable"}
    assert ini_options(False, 443) == {"ssl": "disable", "port": "443"}
    for port in (0, 65536, -1):
        try:
            ini_options(None, port)
        except InvalidArgument:
            continue
        raise AssertionError(f"port {port}")


def an_upgrade_of_the_agent_is_noticed() -> None:
    """Its new table does not know us; our files are still there."""
    from libcloud_ovm3.installer import host_files, payload

    manifest = payload.manifest(payload.files())
    there = payload.parse_manifest(manifest)
    seen = host_files.HostFiles(API_PY, files(), there, manifest, tuple(there), True, ())
    state = host_files.assess(seen, host_files.ModuleState("absent", 0, ""))
    assert state.verdict == "unregistered", state
    assert "install again" in state.text

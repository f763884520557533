"""agent.faults: the agent's words, taken apart and kept (agent-behaviour 2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libcloud_ovm3.agent.codec import Fault
from libcloud_ovm3.agent.faults import advice, as_it_came, error_of, split
from libcloud_ovm3.errors import AgentFault, shown

BUSY = (
    "Command: ['/etc/xen/scripts/linuxbridge/ovs-local-bridge', 'start', 'bridge=control0'] "
    "failed (1): stderr: Start local network: Bridge control0 Is Busy"
)
LOCK = "Lock file /OVS/Repositories/x/.ovsrepo: [Errno 37] No locks available"


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        (f"exceptions.RuntimeError:{BUSY}", "exceptions.RuntimeError", BUSY),
        (f"<type 'exceptions.RuntimeError'>:{BUSY}", "exceptions.RuntimeError", BUSY),
        (
            "exceptions.Exception:Repository already exists",
            "exceptions.Exception",
            "Repository already exists",
        ),
        (
            "exceptions.Exception:Server already a member of pool: 0004fb0000020000",
            "exceptions.Exception",
            "Server already a member of pool: 0004fb0000020000",
        ),
        (
            "exceptions.Exception:Invalid roles: set(['xen', 'broken_token'])",
            "exceptions.Exception",
            "Invalid roles: set(['xen', 'broken_token'])",
        ),
        (
            "exceptions.OSError:[Errno.17].File.exists:'/OVS/Repositories/x/test.raw'",
            "exceptions.OSError",
            "[Errno.17].File.exists:'/OVS/Repositories/x/test.raw'",
        ),
        (f"<class 'agent.lib.filelock.LockError'>:{LOCK}", "agent.lib.filelock.LockError", LOCK),
        (f"agent.lib.filelock.LockError:{LOCK}", "agent.lib.filelock.LockError", LOCK),
        (
            "<type 'exceptions.Exception'>:method \"nothing\" is not supported",
            "exceptions.Exception",
            'method "nothing" is not supported',
        ),
        ("exceptions.TypeError:", "exceptions.TypeError", ""),
        ("a.b:line one\nline two: é", "a.b", "line one\nline two: é"),
        # Texts that name no class are kept whole.
        ("exceptions OSError:[Errno.17] a.file", "", "exceptions OSError:[Errno.17] a.file"),
        ("Error: no", "", "Error: no"),
        ("no colon", "", "no colon"),
        ("", "", ""),
        (":", "", ":"),
        ("<type 'a.b'> no colon", "", "<type 'a.b'> no colon"),
        ("<type ''>:x", "", "<type ''>:x"),
        ("192.168.1.1:8899 is down", "", "192.168.1.1:8899 is down"),
    ],
)
def test_both_forms(text: str, kind: str, message: str) -> None:
    assert split(text) == (kind, message)
    error = error_of(Fault(1, text), host="ovm-1:8899", function="create_repository")
    assert isinstance(error, AgentFault)
    assert (error.code, error.kind, error.text) == (1, kind, message)
    assert (error.host, error.function) == ("ovm-1:8899", "create_repository")
    assert str(error).startswith("ovm-1:8899: create_repository: ")
    assert as_it_came(error) == text  # the agent's own words, whole
    assert shown(text) in str(error)


@given(st.text() | st.text("<type 'clas>:.xé\n", max_size=40))
def test_any_text_is_kept(text: str) -> None:
    kind, message = split(text)
    assert text.endswith(message)
    assert kind in text
    if not kind:
        assert message == text
    error = error_of(Fault(7, text), host="h", function="f")
    assert as_it_came(error) == text
    assert shown(text) in str(error)


@pytest.mark.parametrize(
    ("function", "missing", "is_known"),
    [
        ("ovs_vlan_bridge", "setup_bridge_port: command not found", True),
        ("libcloud_take_bridge", "setup_bridge_port: command not found", True),
        ("ovs_vlan_bridge", "_setup_bridge_port: command not found", False),
        ("ovs_vlan_bridge", "vconfig: command not found", False),
        ("ovs_br_config", "setup_bridge_port: command not found", False),
    ],
)
def test_the_fault_of_the_vlan_script(function: str, missing: str, is_known: bool) -> None:
    script = "/etc/xen/scripts/linuxbridge/ovs-vlan-bridge"
    text = f"Command: ['{script}', 'start'] failed (127): stderr: {script}: line 75: {missing}"
    fault = error_of(
        Fault(1, f"<type 'exceptions.RuntimeError'>:{text}"), host="h:8899", function=function
    )
    found = advice(fault)
    assert (found is not None) is is_known
    assert not is_known or "`ovm3 host install h:8899` (patch vlan-bridge)" in str(found)

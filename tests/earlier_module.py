"""Earlier host modules: of API 2; from before API 1, with other names and other numbers."""

from __future__ import annotations

from pathlib import Path

from libcloud_ovm3.installer import payload
from libcloud_ovm3.simulator import Simulator

EARLIER_NAMES = {"read_agent": "look", "file_holders": "holders", "autostart_guests": "comebacks"}

# What API 3 added.
API_3 = (
    *("bridges", "take_bridge", "release_bridge", "network_setup", "control_interface"),
    *("guarded_network_change", "confirm_network_change", "network_change"),
    "storage_servers",
    *("remove_bridge", "keep_bridge", "watch_dhcp", "dhcp_leases"),
    *("write_seed", "delete_seed"),
    *("read_claim", "claim_vm", "change_claimed_vm", "settle_claim", "expect_vm"),
    *("take_out_host", "put_in_host", "accept_vm_cfg", "discard_saved", "leave_claims"),
)


def put_api_2(sim: Simulator, host: int) -> None:
    """Turn the module that is installed on a simulated host into one of API 2; restart the agent.

    Each of its later functions is then as unknown to the agent as on a host without the module, and
    what API 3 brings along with others is refused or left out.
    """
    folder = _folder(sim, host)
    _replace(folder / "version.py", "API = 3 ", "API = 2 ")
    _replace(folder / "read_agent.py", "list(READS) + sorted(OWN)", "list(READS)")
    _replace(folder / "repository.py", "DOCUMENTS = ['addresses', 'metadata']", "DOCUMENTS = []")
    _replace(folder / "repository.py", "found['seeds']", "ignored")
    services = folder / "services.py"
    lines = services.read_text(encoding="utf-8").splitlines(keepends=True)
    later = tuple(f"    '{name}': (" for name in API_3)
    kept = [line for line in lines if not line.startswith(later)]
    assert len(kept) == len(lines) - len(API_3)
    services.write_text("".join(kept), encoding="utf-8")
    _make_complete(sim, host, folder)


def put_claims_1(sim: Simulator, host: int) -> None:
    """Turn the module into one whose claims know no migrations; restart the agent."""
    folder = _folder(sim, host)
    _replace(folder / "version.py", "CLAIMS = 2 ", "CLAIMS = 1 ")
    _replace(folder / "services.py", "    'expect_vm': (", "    'expected_vm': (")
    _make_complete(sim, host, folder)


def put_earlier_module(sim: Simulator, host: int, api: int) -> None:
    """Turn the module that is installed on a simulated host into such a one; restart the agent.

    :param api: the number that it answers.
    """
    folder = _folder(sim, host)
    _replace(folder / "version.py", "API = 3 ", f"API = {api} ")
    _replace(folder / "api.py", "'module': this.NAME, ", "")
    for name, earlier in EARLIER_NAMES.items():
        _replace(folder / "services.py", f"    '{name}': (", f"    '{earlier}': (")
    _make_complete(sim, host, folder)


def _make_complete(sim: Simulator, host: int, folder: Path) -> None:
    site = folder.parent
    contents = {name: (site / name).read_bytes() for name in payload.files()}
    (site / payload.MANIFEST).write_bytes(payload.manifest(contents))
    sim.restart_agent(host)


def _folder(sim: Simulator, host: int) -> Path:
    [version] = sim.dom0(host).rglob(f"{payload.FOLDER}/version.py")
    return version.parent


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{file}: {old!r}"
    file.write_text(text.replace(old, new), encoding="utf-8")

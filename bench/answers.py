"""The agent's responses that the benchmark hosts send, encoded by the standard library.

Keys, types and sample values are those of the known list_vms structs and discover_* documents
(facts, answer-shapes.md), filled in for any number of VMs and hosts.
"""

from __future__ import annotations

import uuid
import xmlrpc.client
from typing import Any

# The ELF notes of a typical Linux guest; their values are not used.
_NOTES = (
    "FEATURES !writable_page_tables|pae_pgdir_above_4gb, VIRT_BASE 18446744071562067968, "
    "GUEST_VERSION 2.6, PADDR_OFFSET 0, GUEST_OS linux, HYPERCALL_PAGE 18446744071578849280, "
    "LOADER generic, SUSPEND_CANCEL 1, PAE_MODE yes, ENTRY 18446744071594496512, "
    "XEN_VERSION xen-3.0, HV_START_LOW 18446603336221196288"
)


def list_vms(vms: int, host: int = 0) -> list[dict[str, Any]]:
    """The result of list_vms on a host that runs this many VMs: Domain-0 and the VMs."""
    return [_domain_0()] + [_domain(host * 100_000 + number + 1) for number in range(vms)]


def encoded(value: Any) -> bytes:
    """The methodResponse that carries this value."""
    text = xmlrpc.client.dumps((value,), methodresponse=True, allow_none=True)
    return text.encode("utf-8")


def unsupported(function: bytes) -> bytes:
    """The fault of a host that does not have this function."""
    fault = xmlrpc.client.Fault(1, f'method "{function.decode()}" is not supported')
    return xmlrpc.client.dumps(fault).encode("utf-8")


REPOSITORY = "0004fb00000300001a2b3c4d5e6f7081"


def answers_of(
    addresses: list[str], host: int, vms: int, stopped: int, host_module: bool
) -> dict[bytes, bytes]:
    """Every response that a listing needs from one host, by function name.

    The host is in one pool with the others. Without stopped VMs there is no repository, so no
    vm.cfg has to be read.
    """
    own: dict[str, Any] = {
        "discover_server": _server(addresses[host], host),
        "list_vms": list_vms(vms, host),
        "discover_repository_db": _repository_db(bool(stopped)),
        "discover_server_pool": _pool(addresses),
    }
    answers = {name.encode(): encoded(answer) for name, answer in own.items()}
    if host_module:
        own |= {"libcloud_neighbours": [], "libcloud_addresses": []}
        look = {"api": 3, "answers": {name: {"answer": text} for name, text in own.items()}}
        answers[b"libcloud_read_agent"] = encoded(look)
    return answers


def repository_answers(stopped: int, host_module: bool) -> dict[bytes, bytes]:
    """The responses of every host about the shared repository: its listing and each vm.cfg.

    :param stopped: Number of VMs that are defined in it and run nowhere.
    """
    directories = [_uuid("VM", 10**9 + number).replace("-", "") for number in range(stopped)]
    folders = "".join(
        f'<VirtualMachine Name="{name}"><File>vm.cfg</File></VirtualMachine>'
        for name in directories
    )
    listing = _document(
        "Discover_Repositories_Result",
        f'<RepositoryList><Repository Name="{REPOSITORY}"><Version>3.0</Version>'
        f"<Templates/><VirtualMachines>{folders}</VirtualMachines></Repository></RepositoryList>",
    )
    if host_module:
        files = [
            {"folder": "VirtualMachines", "directory": name, "content": _text(_config(name))}
            for name in directories
        ]
        whole = {"listing": {"answer": listing}, "vm_cfg": files, "after": ""}
        return {b"libcloud_repository": encoded(whole)}
    answers = {b"discover_repositories": encoded(listing)}
    for name in directories:
        answers[f"get_vm_config {name}".encode()] = encoded(_config(name))
    return answers


def _pool(addresses: list[str]) -> str:
    members = "".join(
        f"<Member><Registered_IP>{address}</Registered_IP></Member>" for address in addresses
    )
    return _document(
        "Discover_Server_Pool_Result",
        "<Server_Pool><Unique_Id>f12842ebf5ed3fe78da1eb0e17f5ede8</Unique_Id>"
        "<Pool_Alias>Pool 0</Pool_Alias><Master_Virtual_Ip>127.0.1.254</Master_Virtual_Ip>"
        f"<Member_List>{members}</Member_List></Server_Pool>",
    )


def _repository_db(is_there: bool) -> str:
    record = (
        f'<Repository Uuid="{REPOSITORY}"><Fs_location>192.0.2.1:/export</Fs_location>'
        f"<Mount_point>/OVS/Repositories/{REPOSITORY}</Mount_point><Filesystem_type>nfs"
        "</Filesystem_type><Version>3.0</Version><Alias>MyRepo</Alias>"
        "<Manager_uuid>d1a749d4295041fb99854f52ea4dea97</Manager_uuid><Status>Mounted</Status>"
        "</Repository>"
    )
    inside = f"<RepositoryDbList>{record if is_there else ''}</RepositoryDbList>"
    return _document("Discover_Repository_Db_Result", inside)


def _config(directory: str) -> dict[str, Any]:
    """A vm.cfg as Oracle VM Manager writes it (agent-behaviour 6)."""
    disk = f"/OVS/Repositories/{REPOSITORY}/VirtualDisks/{directory}.img"
    return {
        "OVM_simple_name": f"stopped-{directory[:8]}",
        "OVM_description": "",
        "OVM_domain_type": "xen_pvm",
        "OVM_high_availability": False,
        "OVM_cpu_compat_group": "",
        "OVM_os_type": "Oracle Linux 6",
        "name": directory,
        "uuid": str(uuid.UUID(directory)),
        "memory": 512,
        "maxmem": 512,
        "vcpus": 1,
        "maxvcpus": 1,
        "cpu_cap": 0,
        "cpu_weight": 27500,
        "bootloader": "/usr/bin/pygrub",
        "bootargs": "",
        "extra": "",
        "guest_os_type": "Other Linux",
        "keymap": "en-us",
        "on_crash": "restart",
        "on_poweroff": "destroy",
        "on_reboot": "restart",
        "disk": [f"file:{disk},xvda,w"],
        "vif": [f"mac=00:21:f6:{directory[:2]}:{directory[2:4]}:{directory[4:6]},bridge=xenbr0"],
        "vfb": ["type=vnc,vncunused=1,vnclisten=127.0.0.1,keymap=en-us"],
    }


def _text(config: dict[str, Any]) -> bytes:
    return "".join(f"{key} = {value!r}\n" for key, value in config.items()).encode()


def _document(root: str, inside: str) -> str:
    return f'<?xml version="1.0" ?><{root}>{inside}</{root}>'


def _server(address: str, host: int) -> str:
    capabilities = "".join(
        f"<CAPABILITY_{number}>True</CAPABILITY_{number}>" for number in range(24)
    )
    return _document(
        "Discover_Server_Result",
        f"<Server><Unique_Id>{_uuid('host', host).replace('-', '')}</Unique_Id>"
        "<Boot_Time>1413834408</Boot_Time>"
        "<Date_Time><Time_Zone>Europe/Amsterdam</Time_Zone><UTC>True</UTC></Date_Time>"
        "<Agent_Version>3.2.1-183</Agent_Version><OVM_Version>3.2.1-517</OVM_Version>"
        "<VMM><Version><Major>4</Major><Minor>1</Minor><Extra>.3OVM</Extra></Version></VMM>"
        "<Pool_Unique_Id>f12842eb-f5ed-3fe7-8da1-eb0e17f5ede8</Pool_Unique_Id>"
        "<Manager_Unique_Id>d1a749d4295041fb99854f52ea4dea97</Manager_Unique_Id>"
        f"<Hostname>ovm-{host + 1}</Hostname><Registered_IP>{address}</Registered_IP>"
        "<Server_Roles>xen,utility</Server_Roles>"
        f"<Is_Current_Master>{'false' if host else 'true'}</Is_Current_Master>"
        "<Membership_State>Pooled</Membership_State>"
        f"<Capabilities>{capabilities}</Capabilities></Server>",
    )


def _uuid(what: str, number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{what} {number}"))


def _domain_0() -> dict[str, Any]:
    return {
        "cpus": [["0", "1"], ["0", "1"]],
        "device": {},
        "domid": "0",
        "memory": "2048",
        "name": "Domain-0",
        "online_vcpus": "2",
        "state": "r-----",
        "status": "2",
        "uuid": "00000000-0000-0000-0000-000000000000",
        "vcpus": "2",
    }


def _domain(number: int) -> dict[str, Any]:
    return {
        "bootloader": "/usr/bin/pygrub",
        "bootloader_args": "-q",
        "builder": "linux",
        "console_mfn": str(873706 + number),
        "cpu_cap": "0",
        "cpu_time": f"{number / 7:.9f}",
        "cpu_weight": "27500",
        "cpus": [[]],
        "description": "",
        "device": _devices(number),
        "domid": str(number % 100_000),
        "features": "",
        "image": {
            "device_model": "/usr/lib/xen/bin/qemu-dm",
            "expose_host_uuid": "0",
            "kernel": "",
            "nomigrate": "0",
            "notes": [note.split(" ", 1) for note in _NOTES.split(", ")],
            "pci": [],
            "superpages": "0",
            "tsc_mode": "0",
            "videoram": "4",
        },
        "maxmem": "512",
        "memory": "512",
        "name": f"i-2-{number}-VM",
        "on_crash": "restart",
        "on_poweroff": "destroy",
        "on_reboot": "restart",
        "on_xend_start": "ignore",
        "on_xend_stop": "ignore",
        "online_vcpus": "1",
        "pool_name": "Pool-0",
        "shadow_memory": "0",
        "start_time": f"{1408105444 + number}.17",
        "state": "-b----",
        "status": "2",
        "store_mfn": str(873707 + number),
        "uuid": _uuid("VM", number),
        "vcpus": "1",
    }


def _devices(number: int) -> dict[str, Any]:
    disk = f"/OVS/Repositories/{_uuid('repository', 0)}/VirtualDisks/{_uuid('disk', number)}.raw"
    return {
        "console": [{"location": "2", "protocol": "vt100", "uuid": _uuid("console", number)}],
        "vbd": [
            {
                "VDI": "",
                "backend": "0",
                "bootable": "1",
                "dev": "xvda:disk",
                "mode": "w",
                "protocol": "x86_32-abi",
                "uname": f"file:{disk}",
                "uuid": _uuid("vbd", number),
            }
        ],
        "vfb": [
            {
                "keymap": "en-us",
                "location": "0.0.0.0:5900",
                "uuid": _uuid("vfb", number),
                "vnc": "1",
                "vnclisten": "0.0.0.0",  # noqa: S104 (a sample)
                "vncpasswd": "0123456789abcdef",
                "vncunused": "1",
                "xauthority": "/root/.Xauthority",
            }
        ],
        "vif": [
            {
                "backend": "0",
                "bridge": "xenbr0.160",
                "mac": f"02:00:50:9a:{number // 256 % 256:02x}:{number % 256:02x}",
                "script": "/etc/xen/scripts/vif-bridge",
                "uuid": _uuid("vif", number),
            }
        ],
        "vkbd": [{"backend": "0"}],
    }

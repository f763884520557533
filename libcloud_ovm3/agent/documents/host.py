"""What a host is and has: the documents of discover_server and discover_hardware."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from libcloud_ovm3.agent.documents import elements, xmlmapping
from libcloud_ovm3.agent.identifiers import dashed

_PAGE_BYTES = 4096  # TotalPages and FreePages count these (agent-behaviour 8.3)


@dataclass(frozen=True)
class Server:
    """discover_server: who a host is and whose it is (agent-behaviour 8.1).

    Dropped: NTP's list of servers, whose element no source shows.

    :ivar uuid: 32 hex digits; "" if the answer has none.
    :ivar boot_time: seconds since 1970 by the host's own clock.
    :ivar vmm_capabilities: what Xen can run, ``hvm-3.0-x86_64`` for instance.
    :ivar pool_uuid: dashed; None: in no pool.
    :ivar manager_uuid: 32 hex digits; None: nobody's.
    :ivar membership: "Unowned", "Pooled"; the word for "owned, in no pool" is not known (18.8).
    :ivar statistic_interval: seconds.
    :ivar capabilities: 8.2, as texts.
    """

    uuid: str = xmlmapping.machine_id("Unique_Id")
    boot_time: int | None = xmlmapping.number("Boot_Time")
    time_zone: str = xmlmapping.text("Date_Time/Time_Zone")
    is_utc: bool | None = xmlmapping.flag("Date_Time/UTC")
    has_local_time_source: bool | None = xmlmapping.flag("NTP/Local_Time_Source")
    is_ntp_running: bool | None = xmlmapping.flag("NTP/Is_NTP_Running")
    agent_version: str = xmlmapping.text("Agent_Version")
    rpm_version: str = xmlmapping.text("RPM_Version")
    ovm_version: str = xmlmapping.text("OVM_Version")
    cpu_type: str = xmlmapping.text("CPU_Type")
    os_type: str = xmlmapping.text("OS_Type")
    os_name: str = xmlmapping.text("OS_Name")
    os_major_version: str = xmlmapping.text("OS_Major_Version")
    os_minor_version: str = xmlmapping.text("OS_Minor_Version")
    hypervisor_type: str = xmlmapping.text("Hypervisor_Type")
    hypervisor_name: str = xmlmapping.text("Hypervisor_Name")
    kernel_release: str = xmlmapping.text("Host_Kernel_Release")
    kernel_version: str = xmlmapping.text("Host_Kernel_Version")
    vmm_major: str = xmlmapping.text("VMM/Version/Major")
    vmm_minor: str = xmlmapping.text("VMM/Version/Minor")
    vmm_extra: str = xmlmapping.text("VMM/Version/Extra")
    vmm_compile_information: Mapping[str, str] = xmlmapping.mapping("VMM/Compile_Information")
    vmm_capabilities: tuple[str, ...] = xmlmapping.words("VMM/Capabilities", None)
    pool_uuid: str | None = xmlmapping.identifier("Pool_Unique_Id", dashed)
    manager_uuid: str | None = xmlmapping.identifier("Manager_Unique_Id")
    hostname: str = xmlmapping.text("Hostname")
    registered_ip: str = xmlmapping.text("Registered_IP")
    node_number: int | None = xmlmapping.number("Node_Number")
    roles: tuple[str, ...] = xmlmapping.words("Server_Roles")
    is_master: bool = xmlmapping.truth("Is_Current_Master", "true")
    master_virtual_ip: str = xmlmapping.text("Master_Virtual_Ip")
    manager_core_api_version: str = xmlmapping.text("Manager_Core_API_Version")
    membership: str = xmlmapping.text("Membership_State")
    cluster_state: str = xmlmapping.text("Cluster_State")
    statistic_interval: int | None = xmlmapping.number("Statistic/Interval")
    exports: tuple[xmlmapping.Part, ...] = xmlmapping.parts("Exports")
    capabilities: Mapping[str, str] = xmlmapping.mapping("Capabilities")

    @property
    def hypervisor_version(self) -> str:
        """Such as ``4.1.3OVM``; "" if the answer does not say."""
        return f"{self.vmm_major}.{self.vmm_minor}{self.vmm_extra}" if self.vmm_major else ""

    @property
    def is_hvm_able(self) -> bool:
        """Whether the hardware can run HVM guests: Xen then lists ``hvm-…`` (8.1)."""
        return any(word.startswith("hvm-") for word in self.vmm_capabilities)


@dataclass(frozen=True)
class Processor:
    """One logical CPU of discover_hardware, in the words of /proc/cpuinfo."""

    id: str = xmlmapping.attribute("ID")
    vendor_id: str = xmlmapping.text("vendor_id")
    family: str = xmlmapping.text("cpu_family")
    model: str = xmlmapping.text("model")
    model_name: str = xmlmapping.text("model_name")
    stepping: str = xmlmapping.text("stepping")
    cache_size: str = xmlmapping.text("cache_size")
    flags: tuple[str, ...] = xmlmapping.words("flags", None)


@dataclass(frozen=True)
class Record:
    """An element of discover_hardware whose attributes and texts are kept as they are."""

    attributes: Mapping[str, str] = xmlmapping.attributes()
    values: Mapping[str, str] = xmlmapping.mapping(".")


@dataclass(frozen=True)
class ScsiHost:
    """A SCSI adapter: what sysfs says of it, and of the PCI device that it is."""

    number: str = xmlmapping.attribute("Num")
    values: Mapping[str, str] = xmlmapping.mapping(".")
    device: Mapping[str, str] = xmlmapping.mapping("SysFSDev")


@dataclass(frozen=True)
class Hardware:
    """discover_hardware: what a host has (agent-behaviour 8.3). None: not said.

    :ivar sockets_per_node: per NUMA node.
    :ivar total_pages, free_pages: of 4096 bytes; see :attr:`memory_bytes`, :attr:`free_bytes`.
    :ivar ide: kept whole: no source shows what may stand there.
    """

    threads_per_core: int | None = xmlmapping.number("VMM/PhysicalInfo/ThreadsPerCore")
    cores_per_socket: int | None = xmlmapping.number("VMM/PhysicalInfo/CoresPerSocket")
    sockets_per_node: int | None = xmlmapping.number("VMM/PhysicalInfo/SocketsPerNode")
    nodes: int | None = xmlmapping.number("VMM/PhysicalInfo/Nodes")
    cpu_khz: int | None = xmlmapping.number("VMM/PhysicalInfo/CPUKHz")
    total_pages: int | None = xmlmapping.number("VMM/PhysicalInfo/TotalPages")
    free_pages: int | None = xmlmapping.number("VMM/PhysicalInfo/FreePages")
    hw_caps: Mapping[str, str] = xmlmapping.mapping("VMM/PhysicalInfo/HW_Caps")
    processors: tuple[Processor, ...] = xmlmapping.many("CPUInfo/Proc_Info/CPU", Processor)
    scsi_hosts: tuple[ScsiHost, ...] = xmlmapping.many("IO/SCSI/SCSI_Host", ScsiHost)
    iscsi_initiator: str = xmlmapping.text("IO/SCSI/ISCSI_Node/Initiatorname")
    ide: tuple[xmlmapping.Part, ...] = xmlmapping.parts("IO/IDE")
    smbios: Record | None = xmlmapping.one("DMTF/SMBIOS", Record)
    dmi: Record | None = xmlmapping.one("DMTF/DMI", Record)
    bios: Record | None = xmlmapping.one("DMTF/BIOS", Record)
    system: Record | None = xmlmapping.one("DMTF/System", Record)
    chassis: Record | None = xmlmapping.one("DMTF/Chassis", Record)

    @property
    def cpus(self) -> int | None:
        """Logical CPUs. SocketsPerNode is per NUMA node, so Nodes counts too (8.3)."""
        total = self.nodes or 1
        for factor in (self.threads_per_core, self.cores_per_socket, self.sockets_per_node):
            if not factor:
                return None
            total *= factor
        return total

    @property
    def memory_bytes(self) -> int | None:
        """All memory of the host."""
        return None if self.total_pages is None else self.total_pages * _PAGE_BYTES

    @property
    def free_bytes(self) -> int | None:
        """Memory that no domain has."""
        return None if self.free_pages is None else self.free_pages * _PAGE_BYTES

    @property
    def cpu_model(self) -> str:
        """The model of the first CPU."""
        return self.processors[0].model_name if self.processors else ""


def server(text: str) -> Server:
    """discover_server's answer.

    :raises MalformedResponse: it is no such document.
    """
    root = elements.root_of(text, "Discover_Server_Result")
    return xmlmapping.read(Server, elements.found_in(root, "Server"))


def hardware(text: str) -> Hardware:
    """discover_hardware's answer.

    :raises MalformedResponse: it is no such document.
    """
    root = elements.root_of(text, "Discover_Hardware_Result")
    return xmlmapping.read(Hardware, elements.found_in(root, "NodeInformation"))

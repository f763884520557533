"""What a host is and has: the documents of discover_server and discover_hardware."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

from libcloud_ovm3.agent.documents import elements
from libcloud_ovm3.agent.documents import xmlmapping as outline
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
    :ivar capabilities: 8.2, as texts; see :meth:`capability`.
    """

    uuid: str = outline.machine_id("Unique_Id")
    boot_time: int | None = outline.number("Boot_Time")
    time_zone: str = outline.text("Date_Time/Time_Zone")
    is_utc: bool | None = outline.flag("Date_Time/UTC")
    has_local_time_source: bool | None = outline.flag("NTP/Local_Time_Source")
    is_ntp_running: bool | None = outline.flag("NTP/Is_NTP_Running")
    agent_version: str = outline.text("Agent_Version")
    rpm_version: str = outline.text("RPM_Version")
    ovm_version: str = outline.text("OVM_Version")
    cpu_type: str = outline.text("CPU_Type")
    os_type: str = outline.text("OS_Type")
    os_name: str = outline.text("OS_Name")
    os_major_version: str = outline.text("OS_Major_Version")
    os_minor_version: str = outline.text("OS_Minor_Version")
    hypervisor_type: str = outline.text("Hypervisor_Type")
    hypervisor_name: str = outline.text("Hypervisor_Name")
    kernel_release: str = outline.text("Host_Kernel_Release")
    kernel_version: str = outline.text("Host_Kernel_Version")
    vmm_major: str = outline.text("VMM/Version/Major")
    vmm_minor: str = outline.text("VMM/Version/Minor")
    vmm_extra: str = outline.text("VMM/Version/Extra")
    vmm_compile_information: Mapping[str, str] = outline.mapping("VMM/Compile_Information")
    vmm_capabilities: tuple[str, ...] = outline.words("VMM/Capabilities", None)
    pool_uuid: str | None = outline.identifier("Pool_Unique_Id", dashed)
    manager_uuid: str | None = outline.identifier("Manager_Unique_Id")
    hostname: str = outline.text("Hostname")
    registered_ip: str = outline.text("Registered_IP")
    node_number: int | None = outline.number("Node_Number")
    roles: tuple[str, ...] = outline.words("Server_Roles")
    is_master: bool = outline.truth("Is_Current_Master", "true", "false")
    master_virtual_ip: str = outline.text("Master_Virtual_Ip")
    manager_core_api_version: str = outline.text("Manager_Core_API_Version")
    membership: str = outline.text("Membership_State")
    cluster_state: str = outline.text("Cluster_State")
    statistic_interval: int | None = outline.number("Statistic/Interval")
    exports: tuple[outline.Part, ...] = outline.parts("Exports")
    capabilities: Mapping[str, str] = outline.mapping("Capabilities")

    @property
    def hypervisor_version(self) -> str:
        """Such as ``4.1.3OVM``; "" if the answer does not say."""
        return f"{self.vmm_major}.{self.vmm_minor}{self.vmm_extra}" if self.vmm_major else ""

    @property
    def is_hvm_able(self) -> bool:
        """Whether the hardware can run HVM guests: Xen then lists ``hvm-…`` (8.1)."""
        return any(word.startswith("hvm-") for word in self.vmm_capabilities)

    def capability(self, name: str) -> bool | int | str | None:
        """One of 8.2 as what it means; None: the host does not name it."""
        value = self.capabilities.get(name)
        if value is None or value.lower() in ("true", "false"):
            return None if value is None else value.lower() == "true"
        number = outline.whole(value)
        return value if number is None else number


@dataclass(frozen=True)
class Processor:
    """One logical CPU of discover_hardware, in the words of /proc/cpuinfo."""

    id: str = outline.attribute("ID")
    vendor_id: str = outline.text("vendor_id")
    family: str = outline.text("cpu_family")
    model: str = outline.text("model")
    model_name: str = outline.text("model_name")
    stepping: str = outline.text("stepping")
    cache_size: str = outline.text("cache_size")
    flags: tuple[str, ...] = outline.words("flags", None)


@dataclass(frozen=True)
class Record:
    """An element of discover_hardware whose attributes and texts are kept as they are."""

    attributes: Mapping[str, str] = outline.attributes()
    values: Mapping[str, str] = outline.mapping(".")


@dataclass(frozen=True)
class ScsiHost:
    """A SCSI adapter: what sysfs says of it, and of the PCI device that it is."""

    number: str = outline.attribute("Num")
    values: Mapping[str, str] = outline.mapping(".")
    device: Mapping[str, str] = outline.mapping("SysFSDev")


@dataclass(frozen=True)
class Hardware:
    """discover_hardware: what a host has (agent-behaviour 8.3). None: not said.

    :ivar sockets_per_node: per NUMA node.
    :ivar total_pages, free_pages: of 4096 bytes; see :attr:`memory_bytes`, :attr:`free_bytes`.
    :ivar ide: kept whole: no source shows what may stand there.
    """

    threads_per_core: int | None = outline.number("VMM/PhysicalInfo/ThreadsPerCore")
    cores_per_socket: int | None = outline.number("VMM/PhysicalInfo/CoresPerSocket")
    sockets_per_node: int | None = outline.number("VMM/PhysicalInfo/SocketsPerNode")
    nodes: int | None = outline.number("VMM/PhysicalInfo/Nodes")
    cpu_khz: int | None = outline.number("VMM/PhysicalInfo/CPUKHz")
    total_pages: int | None = outline.number("VMM/PhysicalInfo/TotalPages")
    free_pages: int | None = outline.number("VMM/PhysicalInfo/FreePages")
    hw_caps: Mapping[str, str] = outline.mapping("VMM/PhysicalInfo/HW_Caps")
    processors: tuple[Processor, ...] = outline.many("CPUInfo/Proc_Info/CPU", Processor)
    scsi_hosts: tuple[ScsiHost, ...] = outline.many("IO/SCSI/SCSI_Host", ScsiHost)
    iscsi_initiator: str = outline.text("IO/SCSI/ISCSI_Node/Initiatorname")
    ide: tuple[outline.Part, ...] = outline.parts("IO/IDE")
    smbios: Record | None = outline.one("DMTF/SMBIOS", Record)
    dmi: Record | None = outline.one("DMTF/DMI", Record)
    bios: Record | None = outline.one("DMTF/BIOS", Record)
    system: Record | None = outline.one("DMTF/System", Record)
    chassis: Record | None = outline.one("DMTF/Chassis", Record)

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
    return outline.read(Server, elements.found_in(root, "Server"))


def server_text(server: Server) -> str:
    """The document that says this.

    :raises InvalidArgument: XML cannot hold what is in it.
    """
    root = etree.Element("Discover_Server_Result")
    outline.write(server, outline.add(root, "Server"))
    return elements.document_of(root)


def hardware(text: str) -> Hardware:
    """discover_hardware's answer.

    :raises MalformedResponse: it is no such document.
    """
    root = elements.root_of(text, "Discover_Hardware_Result")
    return outline.read(Hardware, elements.found_in(root, "NodeInformation"))


def hardware_text(hardware: Hardware) -> str:
    """The document that says this.

    :raises InvalidArgument: XML cannot hold what is in it.
    """
    root = etree.Element("Discover_Hardware_Result")
    outline.write(hardware, outline.add(root, "NodeInformation"))
    return elements.document_of(root)

"""The words that remain unchanged in a bundle: those of the agent, of xend and of the system.

Whatever is not listed here may be identifying, and is replaced (:mod:`.anonymize`). Sources:
answer-shapes.md, agent-behaviour.md, xend.md.
"""

from __future__ import annotations

import re

from libcloud_ovm3.agent import catalogue

# Values of these are names that people chose; files and directories too.
NAMES = frozenset(
    """
    name ovm_simple_name hostname alias repository_alias pool_alias vifname server
    file disk iso template virtualmachine assembly repository uuid
    """.split()
)

# Of these, the ones that only people choose; the others also contain files, ids and devices.
GIVEN_NAMES = frozenset("name ovm_simple_name hostname alias repository_alias pool_alias".split())

# Elements that the agent fills from its own software and from the processor: unchanged.
AGENTS_OWN = frozenset(
    """
    Agent_Version RPM_Version OVM_Version CPU_Type OS_Type OS_Name OS_Major_Version
    OS_Minor_Version Hypervisor_Type Hypervisor_Name Host_Kernel_Release Host_Kernel_Version Major
    Minor Extra Compiler Date Capabilities Manager_Core_API_Version vendor_id model_name flags
    cache_size
    """.split()
)

# Texts that are long numbers: sizes, times, counters. Elsewhere a long number may be identifying.
NUMBERS = frozenset(
    """
    Boot_Time TotalPages FreePages CPUKHz VM_MEMORY_ALIGNMENT Interval
    memory maxmem shadow_memory cpu_time start_time store_mfn console_mfn cpu_weight
    size free_sz file_sz ondisk_sz total_sz alloc_sz used_sz last_boot_time local_time location
    """.split()
)

# Keys of the agent's structs and options of vm.cfg (agent-behaviour 6.2, 7.1, 9). Others are hand
# edits, and may contain anything.
KEYS = frozenset(
    """
    acpi apic blkif console_autoconnect cpu cpu_cap cpu_weight display expose_host_uuid hap hpet isa
    localtime machine_address_size maxmem maxvcpus memory monitor netif nographic nomigrate opengl
    pae pasued pci_msitranslate pci_power_mgmt rtc_timeoffset s3_integrity sdl shadow_memory stdvga
    superpages suppress_spurious_page_faults target timer_mode tpmif tsc_mode usb vcpus vhpt
    videoram viridian vnc vncconsole vncdisplay vncunused vpt_align xen_platform_pci boot bootargs
    bootloader builder device_model dhcp extra fda fdb features gateway guest_os_type hostname
    interface ip kernel keymap loader monitor_path name netmask nfs_root nfs_server on_crash
    on_poweroff on_reboot on_xend_start on_xend_stop ramdisk root serial soundhw usbdevice uuid
    vnclisten vncpasswd xauthority access_control cpuid cpuid_check disk disk_other_config ioports
    irq pci vfb vif vif2 vif_other_config vscsi vtpm cpus nestedhvm
    OVM_simple_name OVM_description OVM_domain_type OVM_os_type OVM_high_availability
    OVM_cpu_compat_group
    bootloader_args console_mfn cpu_time description device domid image online_vcpus pool_name
    start_time state status store_mfn console vbd vkbd location protocol VDI backend bootable dev
    mode uname bridge mac script type model rate accel notes discard-enable
    ss_uuid access_host storage_type storage_desc admin_user admin_host admin_passwd access_grps
    total_sz free_sz alloc_sz used_sz size access_path access_grp_names mount_options fr_type
    ondisk_sz fs_uuid file_path file_sz last_boot_time local_time
    api kind starts path error domains missing module
    vlan_script zeroconf bonds bond saved switch exists up arp addresses routes_own routes_other
    device destination prefix_length metric ports flags mtu made netdev vlan users user client
    operation age_seconds file
    """.split()
)

# The parts of paths that every host has.
PATHS = frozenset(
    """
    OVS Repositories VirtualMachines VirtualDisks Templates ISOs Assemblies nfsmnt vm.cfg
    .generic_fs_stamp .ovsrepo .ovsmeta dev mapper usr bin lib lib64 xen etc scripts boot proc var
    log mnt tmp root api pygrub qemu-dm hvmloader vif-bridge .Xauthority ovspoolfs.img xend
    save domains auto config.sxp . ..
    """.split()
)

_WORDS = """
    true false none yes no null
    running blocked paused unowned owned pooled mounted unmounted offline online unknown up down
    ok active inactive enabled disabled full half auto static dhcp restart destroy preserve rename
    coredump ignore start stop shutdown suspend creating migrating domain unnamed pool linux hvm pvm
    default generic other oracle ldoms solaris windows x86 i386 x86_64 abi vt100 utility
    file phy tap tap2 aio qcow ram vmdk disk cdrom ioemu r w rw ro dc cd d c n
    mac bridge type model rate script backend ip vifname accel netfront vif e1000 rtl8139 vnc sdl
    vncunused vnclisten vncpasswd vncdisplay keymap en us xauthority pty
    nfs nfs3 nfs4 ocfs2 ext3 ext4 rootfs lun san iscsi scsi ide fibre channel filesys localfs
    networkfs directory file rsize wsize namlen hard soft proto tcp udp timeo retrans vers sec sys
    relatime noatime addr mountaddr mountport mountvers mountproto local_lock
    ethernet management cluster_heartbeat live_migrate virtual_machine storage none
    xen xend dom0 xen_pvm xen_hvm xen_hvm_pv_drivers ldoms_pvm unmodified q b p s
    active backup active-backup balance alb 802 3ad baset fd hd autonegotiate incomplete complete
    autonegotiation link mbps primary_reselect always failure
    nfsplugin genericnfsplugin ocfs2plugin scsiplugin genericplugin snapshot clone resize
    unsupported supported
    type class libcloud ovm3 put echo
    exceptions exception agent fault faults error errors runtimeerror oserror ioerror keyerror
    valueerror typeerror attributeerror nameerror syntaxerror lockerror errno method function is not
    takes exactly at least most argument arguments given such or and invalid syntax line input
    output permission denied operation permitted stale handle repository repositories already exists
    exist does command failed stderr stdout device busy server a an the of in on to from for member
    roles set hostname resolution locks available time timed out connection refused reset by peer no
    modelled simulator has answer bundle object attribute services cannot be vm cfg name defined
    saved managed auto
    works broken on off linuxbridge openvswitch
    literal code value list index range key xend domain xm create memory free enough
""".split()

_DEVICE = re.compile(
    r"(xvd[a-z]{1,2}|[hsv]d[a-z])\d{0,2}|(eth|bond|control|xenbr|virbr|br|vif|tap|ib|em|vlan)\d{1,4}"
    r"|lo|iff_[a-z]+|0x[0-9a-f]{1,4}|\d{1,5}"
)


def is_public(word: str) -> bool:
    """Return whether a word (letters, digits, ``_``) may remain.

    These are words of the agent, names of devices and short numbers.
    """
    lower = word.lower()
    return lower in _WORDS_SET or bool(_DEVICE.fullmatch(lower)) or word in catalogue.functions()


_WORDS_SET = frozenset(_WORDS)

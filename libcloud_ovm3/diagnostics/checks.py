"""All checks of ``ovm3 doctor``, in the order in which they are shown. Pure: no I/O.

Each check is one function, in the file named after what it checks.
"""

from __future__ import annotations

from libcloud_ovm3.diagnostics.access_checks import check_access, check_tls
from libcloud_ovm3.diagnostics.boot_checks import check_boots
from libcloud_ovm3.diagnostics.claim_checks import check_claims
from libcloud_ovm3.diagnostics.collect import Collected
from libcloud_ovm3.diagnostics.device_checks import (
    check_addresses,
    check_cards_out,
    check_disks,
    check_files,
    check_macs,
    check_names,
    check_vnc,
)
from libcloud_ovm3.diagnostics.finding import Finding
from libcloud_ovm3.diagnostics.host_checks import (
    check_autostart_guests,
    check_functions,
    check_host_modules,
    check_lists,
    check_owner,
    check_roles,
    check_tls_sessions,
    check_versions,
)
from libcloud_ovm3.diagnostics.network_checks import (
    check_bridges_of_vms,
    check_labels,
    check_mtus,
    check_networks,
    check_vlans,
)
from libcloud_ovm3.diagnostics.network_module_checks import (
    check_control0,
    check_made_bridges,
    check_network_reads,
    check_setup,
    check_zeroconf,
)
from libcloud_ovm3.diagnostics.pool_checks import (
    check_clocks,
    check_member_lists,
    check_options,
    check_pool,
    check_uniformity,
    check_unreachable,
)
from libcloud_ovm3.diagnostics.repository_checks import check_mounts, check_repositories
from libcloud_ovm3.diagnostics.vm_checks import check_vms
from libcloud_ovm3.errors import Ovm3Error


def run_checks(collected: Collected) -> list[Finding]:
    """Run every check: access, host, pool, repositories, networks, VMs, what VMs refer to."""
    findings = [*check_tls(collected), *check_access(collected)]
    host, inventory, members = collected.host, collected.inventory, collected.members
    if isinstance(inventory, Ovm3Error):
        return findings
    snapshot, networks = inventory.snapshot, inventory.networks
    if host is not None:
        findings += [*check_versions(host), *check_owner(host), *check_roles(host)]
    findings += [*check_pool(inventory), *check_uniformity(snapshot.hosts)]
    findings += check_member_lists(inventory)
    findings += [*check_unreachable(snapshot.unreachable), *check_lists(members)]
    findings += check_options(snapshot)
    findings += check_tls_sessions(members, collected.address, collected.now)
    findings += check_clocks(members)
    findings += check_boots(members, snapshot, collected.now)
    findings += check_repositories(snapshot, host or snapshot.hosts[0])
    findings += check_mounts(members, snapshot)
    findings += [*check_networks(networks), *check_bridges_of_vms(networks)]
    findings += [*check_labels(networks), *check_vlans(networks), *check_mtus(networks)]
    findings += [*check_network_reads(members), *check_control0(members, networks)]
    findings += [*check_zeroconf(members, networks), *check_setup(members)]
    findings += check_made_bridges(members, networks)
    findings += [*check_vms(snapshot), *check_files(snapshot), *check_disks(snapshot)]
    findings += check_claims(snapshot)
    findings += [*check_macs(snapshot), *check_addresses(snapshot)]
    findings += check_cards_out(snapshot, collected.now)
    findings += [*check_vnc(snapshot), *check_names(snapshot)]
    findings += [*check_autostart_guests(members, snapshot)]
    findings += [*check_functions(members), *check_host_modules(members)]
    return findings

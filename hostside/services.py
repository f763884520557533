"""The table of services: every function of the module by name, with its time limit."""

from libcloud_ovm3_host import (api, aside, block_devices, bridge_removal, bridges, change_vm,
                                 claim_changes, claim_leaving, claim_reports, claim_words, commits,
                                 containers, control, dhcp_leases, documents, domains, errors, file_holders, files,
                                 first_claim, identify, inventory, jobs, logs, meetings, migration_target, network,
                                 network_change, network_setup, objects, read_agent, repository,
                                 seeds, storage_servers, unfinished_uploads, uploads)
from libcloud_ovm3_host.compat import describe, error
from libcloud_ovm3_host.version import PREFIX

# name without prefix -> (function, seconds; None: it sets its own limits)
SERVICES = {
    'version': (api.version, None),
    'capabilities': (api.capabilities, None),
    'get_api_services': (api.get_api_services, 30),
    'read_agent': (read_agent.read_agent, None),
    'repository': (repository.repository, None),
    'domains': (domains.domains, 50),
    'free_space': (inventory.free_space, None),
    'file_holders': (file_holders.file_holders, 55),
    'block_devices': (block_devices.block_devices, 30),
    'identify': (identify.identify, None),
    'autostart_guests': (inventory.autostart_guests, 10),
    'list_files': (files.list_files, None),
    'stat_file': (files.stat_file, None),
    'read_file': (files.read_file, None),
    'create_file': (files.create_file, None),
    'write_file': (files.write_file, None),
    'truncate_file': (files.truncate_file, None),
    'grow_file': (files.grow_file, None),
    'rename_file': (files.rename_file, None),
    'delete_file': (files.delete_file, None),
    'set_aside': (aside.set_aside, None),
    'put_back': (aside.put_back, None),
    'delete_aside': (aside.delete_aside, None),
    'start_job': (jobs.start_job, None),
    'job_status': (jobs.job_status, None),
    'cancel_job': (jobs.cancel_job, None),
    'list_documents': (documents.list_documents, None),
    'read_document': (documents.read_document, None),
    'write_document': (documents.write_document, None),
    'write_seed': (seeds.write_seed, None),
    'delete_seed': (seeds.delete_seed, None),
    'list_containers': (containers.list_containers, None),
    'create_container': (containers.create_container, None),
    'delete_container': (containers.delete_container, None),
    'list_objects': (objects.list_objects, None),
    'stat_object': (objects.stat_object, None),
    'read_object': (objects.read_object, None),
    'delete_object': (objects.delete_object, None),
    'describe_object': (objects.describe_object, None),
    'begin_upload': (uploads.begin_upload, None),
    'list_uploads': (unfinished_uploads.list_uploads, None),
    'write_upload': (uploads.write_upload, None),
    'upload_sums': (uploads.upload_sums, None),
    'commit_upload': (commits.commit_upload, None),
    'adopt_upload': (unfinished_uploads.adopt_upload, None),
    'delete_upload': (unfinished_uploads.delete_upload, None),
    'restore_aside': (commits.restore_aside, None),
    'meet': (meetings.meet, None),
    'read_vm': (change_vm.read_vm, None),
    'change_vm': (change_vm.change_vm, None),
    'settle_vm': (change_vm.settle_vm, None),
    'read_claim': (claim_changes.read_claim, None),
    'list_claims': (claim_reports.list_claims, None),
    'claim_vm': (first_claim.claim_vm, None),
    'change_claimed_vm': (claim_changes.change_claimed_vm, None),
    'expect_vm': (migration_target.expect_vm, None),
    'settle_claim': (claim_changes.settle_claim, None),
    'take_out_host': (claim_words.take_out_host, None),
    'put_in_host': (claim_words.put_in_host, None),
    'leave_claims': (claim_leaving.leave_claims, None),
    'accept_vm_cfg': (claim_words.accept_vm_cfg, None),
    'discard_saved': (claim_words.discard_saved, None),
    'bridges': (bridges.bridges, 15),
    'take_bridge': (bridges.take_bridge, None),
    'release_bridge': (bridges.release_bridge, None),
    'remove_bridge': (bridge_removal.remove_bridge, None),
    'keep_bridge': (bridge_removal.keep_bridge, None),
    'guarded_network_change': (network_change.guarded_network_change, None),
    'confirm_network_change': (network_change.confirm_network_change, None),
    'network_change': (network_change.network_change, None),
    'network_setup': (network_setup.network_setup, 15),
    'control_interface': (control.control_interface, 25),
    'set_control_interface': (control.set_control_interface, 55),
    'addresses': (network.addresses, 15),
    'routes': (network.routes, 15),
    'neighbours': (network.neighbours, None),
    'dhcp_leases': (dhcp_leases.dhcp_leases, None),
    'watch_dhcp': (dhcp_leases.watch_dhcp, None),
    'storage_servers': (storage_servers.storage_servers, 15),
    'check_port': (network.check_port, None),
    'log_tail': (logs.log_tail, 10),
}


def table(dom0):
    """``{name: function}`` as the agent expects it."""
    return dict([(PREFIX + name, _service(dom0, function, seconds))
                 for name, (function, seconds) in SERVICES.items()])


def _service(dom0, function, seconds):
    """The function as the agent calls it. Every failure is a HostModuleError: a client takes any
    other for the agent's fault that there is no such function."""
    def service(*arguments):
        try:
            _require_count(function, arguments)
            if seconds is None:
                return function(dom0, *arguments)
            return dom0.within(seconds, function, dom0, *arguments)
        except errors.HostModuleError:
            raise
        except Exception:
            raise errors.Failed(describe(error()))
    service.__name__ = function.__name__
    service.__doc__ = function.__doc__
    service.function = function  # for api.get_api_services
    return service


def _require_count(function, arguments):
    """Every service has a fixed number of arguments, the first being the host."""
    code = getattr(function, '__code__', None) or function.func_code
    if len(arguments) != code.co_argcount - 1:
        raise errors.InvalidArgument('%s: expected %d arguments, not %d' % (
            function.__name__, code.co_argcount - 1, len(arguments)))

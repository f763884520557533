"""The library's messages name Python arguments; here they become what a user of ``ovm3`` types."""

from __future__ import annotations

import re

# In this order: a longer form before the name that it contains.
_TERMS = (
    (r"ex_passwords=\{'([^']*)': \.\.\.\}", r"--password-file \1=FILE"),
    (r"ex_passwords", "--password-file"),
    (r"""ex_put_back\(('[^']*'|"[^"]*"), ('[^']*')\)""", r"`ovm3 disk put-back \1 \2`"),
    (r"ex_put_back", "`ovm3 disk put-back`"),
    (r"ex_list_own_disks(?:\(\))?", "`ovm3 vm destroy`"),
    (r"ex_list_orphans(?:\(\))?", "`ovm3 disk orphans`"),
    (r"ex_host_module=False", "--no-host-module"),
    (r"ex_host_module", "--no-host-module"),
    (r"start_node\(ex_location=\.\.\.\)", "`ovm3 vm start --on`"),
    (r"ex_location='([^']*)'", r"--on \1"),
    (r"ex_location", "--on"),
    (r"ex_fingerprint=\{'([^']*)': \.\.\.\}", r"--fingerprint \1=SHA256"),
    (r"ex_fingerprint", "--fingerprint"),
    (r"ex_hosts_off=\['([^']*)'\]", r"--host-off \1"),
    (r"ex_hosts_off=\[(?:'[^']*'(?:, )?)+\]", "--host-off HOST"),
    (r"ex_hosts_off", "--host-off"),
    (r"ex_ssh_port", "--ssh-port"),
    (r"ex_hosts", "--host"),
    (r"ex_traffic_labels", "--traffic-label"),
    (r"ex_default_network", "--default-network"),
    (r"ex_public_networks", "--public-network"),
    (r"ex_keys_repository", "--keys-repository"),
    (r"ex_watch_dhcp", "--watch-dhcp"),
    (r"ex_allow_same_name(?:=True)?", "--allow-same-name"),
    (r"ex_start", "--no-start"),
    (r"ex_minimum_age", "--minimum-age"),
    (r"size\.disk \(or ex_disk_gb\)", "--disk"),
    (r"ex_disk_gb", "--disk"),
    (r"ex_cpus", "--cpus"),
    (r"ex_memory_mb", "--memory"),
    (r"ex_description", "--description"),
    (r"ex_domain_type", "--type"),
    (r"ex_iso", "--iso"),
    (r"ex_metadata", "--metadata"),
    (r"ex_tags", "--tag"),
    (r"ex_idempotency_key", "--idempotency-key"),
    (r"ex_volumes", "--volume"),
    (r"ex_disks", "disk"),  # ovm3 passes those that it has asked about
    (r"ex_resume_node\(('[^']*'|\"[^\"]*\")\)", r"`ovm3 vm resume \1`"),
    (r"ex_resume_node", "`ovm3 vm resume`"),
    (r"delete_image\(('[^']*'|\"[^\"]*\")\)", r"`ovm3 image delete \1`"),
    (r"delete_image", "`ovm3 image delete`"),
    (r"\(device\)", "(--device)"),
    (r"\(location\)", "(--on)"),
    (r"ex_create_network\([^()]*\) \((ovm3 network create [^()]*)\)", r"`\1`"),
    (r"ex_create_network", "`ovm3 network create`"),
    (r"ex_delete_network\('([^']*)', '([^']*)'\)", r"`ovm3 network delete \1 --on \2`"),
    (r"ex_delete_network", "`ovm3 network delete`"),
    (r"ex_list_network_devices", "`ovm3 network list --devices`"),
    (r"ex_repair_control0", "`ovm3 network repair-control0`"),
    (r"ex_update_network", "`ovm3 network update`"),
    (r"ex_label", "--label"),
    (r"ex_parent", "--parent"),
    (r"ex_mtu", "--mtu"),
    (r"ex_update_nic\(ex_address=\.\.\.\)", "`ovm3 vm update-nic --address`"),
    (r"ex_address=\[\]", "--no-address"),
    (r"ex_address", "--address"),
    (r"ex_release_networks", "`ovm3 network release`"),
    (r"ex_set_bond_mode", "`ovm3 network set-bond-mode`"),
    (r"ex_force=\[[^\]]*\] \((--force [^()]*)\)", r"\1"),
    (r"ex_(?:at|de)tach_nic\([^()]*\) \((ovm3 vm [^()]*)\)", r"`\1`"),
    (r"ex_attach_nic", "`ovm3 vm attach-nic`"),
    (r"ex_detach_nic", "`ovm3 vm detach-nic`"),
    (r"ex_update_nic", "`ovm3 vm update-nic`"),
    (r"ex_list_nics", "`ovm3 vm list-nics`"),
    (r"ex_remove_seed\(('[^']*')\)", r"`ovm3 vm remove-seed \1`"),
    (r"ex_remove_seed", "`ovm3 vm remove-seed`"),
    (r"auth(?=: )", "--ssh-key"),
    (r"\(auth(?=, )", "(--ssh-key, --root-password-file"),
    (r"auth(?= and ex_keyname)", "--ssh-key, --root-password-file"),
    (r"password(?=: expected)", "--root-password-file"),
    (r"ex_keyname", "--key-name"),
    (r"key_material|key_file_path", "FILE"),
    (r"ex_userdata", "--user-data"),
    (r"ex_network_format", "--network-format"),
    (r"ex_networks and networks", "--network"),
    (r"ex_networks", "--network"),
    (r"ex_network", "--network"),
    (r"ex_mac", "--mac"),
    (r"ex_model", "--model"),
    (r"ex_type", "--type"),
    (r"ex_pause(?:=True)?", "--pause"),
    (r"ex_mode='([^']*)'", r"--mode \1"),
    (r"ex_mode", "--mode"),
    (r"ex_node", "--vm"),
    (r"ex_repository='([^']*)'", r"--repository \1"),
    (r"ex_repository", "--repository"),
    (r"ex_size_bytes", "--size"),
    (r"create_volume\(snapshot=\.\.\.\)", "`ovm3 volume create NAME --snapshot`"),
    (r"create_volume_snapshot", "`ovm3 snapshot create`"),
    (r"destroy_volume_snapshot", "`ovm3 snapshot destroy`"),
    (r"destroy_volume", "`ovm3 volume destroy`"),
    (r"(start|destroy)_node\(('[^']*')\)", r"`ovm3 vm \1 \2`"),
    (r"start_node", "`ovm3 vm start`"),
    (r"destroy_node", "`ovm3 vm destroy`"),
    (r"\(secret\)", "(--password-file FILE)"),
    (r"ex_estate", "--estate"),
    # keys of the file of estates, which have no option
    (r"ex_timeouts", "timeouts"),
    (r"ex_second_look", "second_look"),
    (r"ex_strict", "strict"),
    (r"ex_read_only(?:=True)?", "read_only of the estate"),
    (r"ex_force(?:=True)?", "--force"),
    (r"ex_timeout", "--timeout"),
    (r"ex_tls_minimum='([^']*)'", r"--tls-minimum \1"),
    (r"ex_tls_minimum", "--tls-minimum"),
    (r"ex_tls_weak_keys(?:=True)?", "--tls-weak-keys"),
    (r"ex_tls_legacy_renegotiation(?:=True)?", "--tls-legacy-renegotiation"),
    (r"ex_tls_server_name", "--tls-server-name"),
    (r"verify_ssl=False", "--insecure"),
    (r"secure=False", "--no-tls"),
    (r"ca_cert", "--ca-cert"),
    (r"cert_file", "--cert-file"),
    (r"key_file", "--key-file"),
)
# Not inside a quoted name, a path or another word: those belong to the user.
_PATTERNS = [(re.compile(rf"(?<![\w/.'\"=-]){old}(?![\w/]|\.\w)"), new) for old, new in _TERMS]
_SAID_TWICE = re.compile(r" \(ovm3: [^()]*\)")
# "ex_force=True (--force)" and "ex_hosts, --host" name both; now they name one of them twice.
_NAMED_TWICE = re.compile(r"(--[^()]*[^()\s]|`[^`]+`)(?: \(\1\)|, \1(?![\w=-]))")


def with_option_names(message: str) -> str:
    """Return a message of the library with options of ``ovm3`` for arguments of Python.

    What repeats them for users of the command line, as ``(ovm3: ...)`` or ``(--force)`` behind
    ``ex_force=True``, is left out.
    """
    for pattern, new in _PATTERNS:
        message = pattern.sub(new, message)
    return _NAMED_TWICE.sub(r"\1", _SAID_TWICE.sub("", message))

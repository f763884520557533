"""Weaknesses put into what tells of a host and sets its network."""

from tests.mutants.mutant import Mutant

NETWORK = "hostside/network.py"
CONTROL = "hostside/control.py"
HOLDERS = "hostside/file_holders.py"
DOMAINS = "hostside/domains.py"
IDENTIFY = "hostside/identify.py"
DEVICES = "hostside/block_devices.py"

MUTANTS = [
    Mutant(
        "device-missed",
        DEVICES,
        "        entry['error'] = _with_reason(name)\n",
        "        del found[name]\n",
        "looking.every_device_is_there",
    ),
    Mutant(
        "device-missed",
        DEVICES,
        "    for part in entry['on_it']:\n",
        "    for part in []:\n",
        "looking.every_device_is_there",
    ),
    Mutant(
        "regex-unescaped",
        CONTROL,
        "            if route['device'] == bridge:\n                own",
        "            if route['device'].startswith(bridge):\n                own",
        "looking.names_and_addresses_are_whole",
    ),
    Mutant(
        "regex-unescaped",
        CONTROL,
        "    return wanted in [(each['device'], each['address'], each['prefix_length'])\n"
        "                      for each in network.addresses(dom0)]",
        "    return wanted[1] in repr(network.addresses(dom0))",
        "looking.names_and_addresses_are_whole",
    ),
    Mutant(
        "substring",
        CONTROL,
        "            and network.number_of(route['destination']) == net)",
        "            and True)",
        "looking.names_and_addresses_are_whole",
    ),
    Mutant(
        "shell",
        CONTROL,
        "    bridge = arguments.device(bridge)\n    address,",
        "    address,",
        "looking.nothing_of_a_name_is_a_command",
    ),
    Mutant(
        "shell",
        NETWORK,
        "dom0.run(['ip'] + list(words), _SECONDS)",
        "dom0.run(['sh', '-c', 'ip ' + ' '.join(words)], _SECONDS)",
        "looking.nothing_of_a_name_is_a_command",
    ),
    Mutant(
        "status-ignored",
        NETWORK,
        "    if status:\n        raise errors.Failed('ip",
        "    if False:\n        raise errors.Failed('ip",
        "looking.what_a_command_says_counts",
    ),
    Mutant(
        "status-ignored",
        CONTROL,
        "    _verify(dom0, wanted)\n",
        "",
        "looking.success_is_arrival",
    ),
    Mutant(
        "missing-sysfs",
        HOLDERS,
        "        if os.path.exists(dom0.path(file_name)):\n            raise\n        return u''",
        "        raise",
        "looking.one_device_without_files_spoils_nothing",
    ),
    Mutant(
        "status-ignored",
        HOLDERS,
        "        if not _any_backend(dom0):\n            return []",
        "        return []",
        "looking.what_cannot_be_asked_is_not_empty",
    ),
    Mutant(
        "one-spoils-all",
        "hostside/inventory.py",
        "        except errors.HostModuleError:\n            entry['error']",
        "        except MemoryError:\n            entry['error']",
        "looking.one_bad_mount_spoils_nothing",
    ),
    Mutant(
        "one-spoils-all",
        "hostside/repository.py",
        "    except errors.HostModuleError:\n        if not _is_directory_or_link(",
        "    except MemoryError:\n        if not _is_directory_or_link(",
        "looking.one_bad_file_spoils_nothing",
    ),
    Mutant(
        "one-spoils-all",
        "hostside/api.py",
        "    except Exception:  # another module's failure",
        "    except MemoryError:  # another module's failure",
        "looking.one_odd_module_spoils_nothing",
    ),
    Mutant(
        "exec-any",
        "hostside/read_agent.py",
        " or [name for name in names if name not in known]:",
        ":",
        "looking.only_what_is_listed_can_be_asked",
    ),
    Mutant(
        "any-path",
        "hostside/logs.py",
        "LOGS[arguments.one_of('log', log, sorted(LOGS))]",
        "LOGS.get(log, '/var/log/' + log)",
        "looking.a_log_is_one_of_two",
    ),
    Mutant(
        "connect-timeout-only",
        NETWORK,
        "    family = _family(address)\n",
        "    socket.getaddrinfo(address, port)\n    family = socket.AF_INET\n",
        "looking.names_are_not_resolved",
    ),
    Mutant(
        "not-whole",
        DOMAINS,
        "    if not _has_domain_0(found):\n        return _one_by_one(dom0)\n",
        "",
        "looking.a_list_without_domain_0_is_none",
    ),
    Mutant(
        "not-whole",
        "hostside/read_agent.py",
        "not _has_domain_0(answers['list_vms']['answer'])",
        "not answers['list_vms']['answer']",
        "looking.a_list_without_domain_0_is_none",
    ),
    Mutant(
        "not-whole",
        DOMAINS,
        "        return _one_by_one(dom0)\n    _add_unlisted(dom0, found)\n",
        "        return _one_by_one(dom0)\n",
        "looking.what_xenstore_has_is_not_stopped",
    ),
    Mutant(
        "not-whole",
        DOMAINS,
        "        if domid not in known:\n",
        "        if domid not in known and xenstore.uuid_of(dom0, domid):\n",
        "looking.what_xenstore_has_is_not_stopped",
    ),
    Mutant(
        "not-whole",
        HOLDERS,
        "    if len(served) == 1 and (",
        "    if served and (",
        "looking.a_loop_device_of_two_is_nobodys",
    ),
    Mutant(
        "not-whole",
        "hostside/repository.py",
        "        return _without_vm_cfg(directory, name, entry)\n",
        "        return None\n",
        "looking.a_directory_without_vm_cfg_is_said",
    ),
    Mutant(
        "links",
        IDENTIFY,
        "                if target.startswith(_SLASH):\n                    real = _NONE\n",
        "",
        "looking.a_path_is_the_file_that_it_leads_to",
    ),
    Mutant(
        "not-mounted",
        IDENTIFY,
        "            safe_paths.require_mounted(dom0, path)\n",
        "            pass\n",
        "looking.a_path_is_the_file_that_it_leads_to",
    ),
]

"""Weaknesses put into what all services stand on."""

from tests.mutants.mutant import Mutant

LIMITS = "hostside/limits.py"
PLACES = "hostside/safe_paths.py"
ARGUMENTS = "hostside/arguments.py"
DOOR = "hostside/libcloud_ovm3.py"

MUTANTS = [
    Mutant(
        "shell",
        LIMITS,
        "subprocess.Popen(arguments, stdin",
        "subprocess.Popen(' '.join(arguments), shell=True, stdin",
        "base.no_shell",
    ),
    Mutant(
        "read-after-exit",
        LIMITS,
        "    streams = {process.stdout: []",
        "    process.wait()\n    streams = {process.stdout: []",
        "base.much_output",
    ),
    Mutant(
        "unread-pipe",
        LIMITS,
        "process.stderr: []}",
        "}",
        "base.much_output",
    ),
    Mutant(
        "no-limit",
        LIMITS,
        "                unread.remove(stream)\n        if time.time() >= deadline:",
        "                unread.remove(stream)\n        if False:",
        "base.a_command_ends_in_time",
    ),
    Mutant(
        "no-limit",
        LIMITS,
        "_receive(reader, time.time() + seconds)",
        "_receive(reader, time.time() + 1000 * seconds)",
        "base.a_call_ends_in_time",
    ),
    Mutant(
        "no-limit",
        LIMITS,
        "os.waitpid(child, os.WNOHANG)",
        "os.waitpid(child, 0)",
        "base.a_call_that_cannot_be_killed_is_not_waited_for",
    ),
    Mutant(
        "status-ignored",
        LIMITS,
        "return (process.returncode, ",
        "return (0, ",
        "base.the_status_is_told",
    ),
    Mutant(
        "not-closed",
        LIMITS,
        "    finally:\n        os.close(reader)",
        "    finally:\n        os.close",
        "base.a_call_leaves_no_descriptor",
    ),
    Mutant(
        "not-closed",
        PLACES,
        "        return open_in(directory, name, flags)\n    finally:\n        os.close(directory)",
        "        return open_in(directory, name, flags)\n    finally:\n        os.close",
        "base.paths_leave_no_descriptor",
    ),
    Mutant(
        "wrong-except",
        PLACES,
        "OSError:\n        raise failure(error(), name)\n    if not stat.S_ISREG(status",
        "ValueError:\n        raise failure(error(), name)\n    if not stat.S_ISREG(status",
        "base.what_the_system_says_is_told",
    ),
    Mutant(
        "regex-unescaped",
        ARGUMENTS,
        r"_DEVICE = re.compile(r'[A-Za-z0-9][A-Za-z0-9._-]{0,14}\Z')",
        r"_DEVICE = re.compile(r'[A-Za-z0-9][A-Za-z0-9._-]{0,14}')",
        "base.names_are_whole",
    ),
    Mutant(
        "regex-unescaped",
        ARGUMENTS,
        r"_DOCUMENT = re.compile(r'[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z')",
        r"_DOCUMENT = re.compile(r'[A-Za-z0-9][A-Za-z0-9._-]{0,99}$')",
        "base.names_are_whole",
    ),
    Mutant(
        "any-path",
        PLACES,
        "    if not match:\n        raise errors.NotAllowed(",
        "    if not match and False:\n        raise errors.NotAllowed(",
        "base.paths_are_confined",
    ),
    Mutant(
        "any-path",
        PLACES,
        "'.'.encode('ascii'), '..'.encode('ascii')):",
        "'.'.encode('ascii')):",
        "base.paths_are_confined",
    ),
    Mutant(
        "any-path",
        PLACES,
        "        if '\\0'.encode('ascii') in name:",
        "        if False:",
        "base.paths_are_confined",
    ),
    Mutant(
        "links",
        PLACES,
        "os.O_RDONLY | os.O_DIRECTORY | _FOLLOW_NOTHING)",
        "os.O_RDONLY | os.O_DIRECTORY)",
        "base.no_link_is_followed",
    ),
    Mutant(
        "links",
        PLACES,
        "flags | _FOLLOW_NOTHING)",
        "flags)",
        "base.a_file_that_becomes_a_link_is_not_followed",
    ),
    Mutant(
        "links",
        PLACES,
        "    if not stat.S_ISREG(status.st_mode):\n        raise errors.NotAllowed(",
        "    if False:\n        raise errors.NotAllowed(",
        "base.only_files_are_deleted",
    ),
    Mutant(
        "not-mounted",
        PLACES,
        "    try:\n        _require_mounted(dom0, wanted)\n    except errors.HostModuleError:\n"
        "        os.close(directory)\n        raise\n",
        "",
        "base.a_mount_that_goes_meanwhile_is_none",
    ),
    Mutant(
        "swapped",
        PLACES,
        "    return ('/proc/self/fd/%d/' % directory).encode('ascii') + to_bytes(name)",
        "    return to_bytes(os.readlink('/proc/self/fd/%d' % directory)"
        ".replace('elsewhere', 'folder')) + _SLASH + to_bytes(name)",
        "base.a_directory_is_held_open",
    ),
    Mutant(
        "not-mounted",
        PLACES,
        "    if wanted not in [mounted for _, mounted, _ in dom0.mounts()]:",
        "    if not os.path.isdir(dom0.path(wanted)):",
        "base.only_where_something_is_mounted",
    ),
    Mutant(
        "substring",
        PLACES,
        "    if wanted not in [mounted for _, mounted, _ in dom0.mounts()]:",
        "    if wanted not in repr(dom0.mounts()):",
        "base.only_where_something_is_mounted",
    ),
    Mutant(
        "payload-text",
        ARGUMENTS,
        "    if not isinstance(value, Binary):\n        raise",
        "    if not isinstance(value, Binary):\n        return to_bytes(value)\n        raise",
        "base.only_payload_that_no_log_has",
    ),
    Mutant(
        "endless-chunk",
        ARGUMENTS,
        "    if len(value.data) > most:",
        "    if len(value.data) > 1 << 40:",
        "base.payload_has_a_limit",
    ),
    Mutant(
        "takes-agent-down",
        DOOR,
        "        except Exception:  # whatever lies there instead\n"
        "            return {'libcloud_version': _broken(sys.exc_info()[1])}\n",
        "        except MemoryError:\n            raise\n",
        "base.the_door_stays",
    ),
    Mutant(
        "exec-any",
        DOOR,
        "        return services.table(self.dom0 or dom0.Dom0())",
        "        return dict(vars(services), **services.table(self.dom0 or dom0.Dom0()))",
        "base.every_name_is_ours",
    ),
]

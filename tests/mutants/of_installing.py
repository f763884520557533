"""Weaknesses put into the installer."""

from tests.mutants.mutant import Mutant

TABLE = "libcloud_ovm3/installer/table.py"
PATCHES = "libcloud_ovm3/installer/patches.py"
LINES = "libcloud_ovm3/installer/lines.py"
PRECONDITIONS = "libcloud_ovm3/installer/preconditions.py"
HOST = "libcloud_ovm3/installer/host.py"
SSH = "libcloud_ovm3/installer/ssh.py"
KEYS = "libcloud_ovm3/installer/keys.py"

MUTANTS = [
    Mutant(
        "every-modules-line",
        TABLE,
        "    lines[opening + 1 : opening + 1] = [ours]\n",
        "    lines[opening + 1 : opening + 1] = [ours]\n"
        "    lines += [ours for line in lines if b'# MODULES' in line.text]\n",
        "installing.only_the_table_is_changed",
    ),
    Mutant(
        "every-modules-line",
        TABLE,
        "    if len(named) != 1 or not _OPENING",
        "    if not named or not _OPENING",
        "installing.an_unknown_structure_is_left_alone",
    ),
    Mutant(
        "no-uninstall",
        TABLE,
        '    return line.text.lstrip(b" \\t") in (IMPORT, ELEMENT)',
        '    return line.text.lstrip(b" \\t") in (ELEMENT,)',
        "installing.the_way_back_is_exact",
    ),
    Mutant(
        "no-backup",
        LINES,
        "    return [Line(old, line.end) if ours == line.text else line]",
        "    return [line]",
        "installing.the_way_back_is_exact",
    ),
    Mutant(
        "overwritten",
        LINES,
        "    return [Line(old, line.end) if ours == line.text else line]",
        "    return [Line(old, line.end)]",
        "installing.what_came_later_stays",
    ),
    Mutant(
        "xport",
        PATCHES,
        "    matches = {number: pattern.fullmatch(line.text) for",
        "    matches = {number: pattern.search(line.text) for",
        "installing.an_option_is_its_whole_name",
    ),
    Mutant(
        "wrong-bridge-function",
        PATCHES,
        '_RIGHT = b"setup_physical_bridge_port"',
        '_RIGHT = b"_setup_bridge_port"',
        "installing.the_right_function_is_called",
    ),
    Mutant(
        "counting-lines",
        PATCHES,
        '        not _defines(library, b"setup_bridge_port")\n'
        "        and _defines(library, _RIGHT)\n",
        '        library.count(b"_setup_bridge_port") == 3\n',
        "installing.need_is_told_by_what_is_defined",
    ),
    Mutant(
        "each-time",
        PATCHES,
        '_MISSING = re.compile(rb"(?<![\\w${/.-])setup_bridge_port',
        '_MISSING = re.compile(rb"setup_(?:physical_)?bridge_port',
        "installing.a_patch_is_put_in_once",
    ),
    Mutant(
        "regex-unescaped",
        PATCHES,
        "\\brelease[ \\t]+3\\.2\\.1\\b(?!\\.)",
        "3.2.1",
        "installing.a_version_is_a_whole_number",
    ),
    Mutant(
        "not-atomic",
        HOST,
        "        self.ssh.write(new, after)\n",
        "        self.ssh.write(path, after)\n        self.ssh.write(new, after)\n",
        "remoting.a_change_is_whole_or_not_there",
    ),
    Mutant(
        "overwritten",
        HOST,
        "|| exit {_CHANGED}',",
        "|| :',",
        "remoting.what_somebody_changed_is_not_overwritten",
    ),
    Mutant(
        "no-backup",
        HOST,
        "        if keep:\n",
        "        if not keep:\n",
        "remoting.what_was_there_is_kept",
    ),
    Mutant(
        "umask",
        HOST,
        "&& cp -p {quote(path)} {quote(new)} || exit 1",
        "&& cp {quote(path)} {quote(new)} && chmod 666 {quote(new)} || exit 1",
        "remoting.mode_and_all_stay",
    ),
    Mutant(
        "unquoted",
        HOST,
        'f"mv -f {quote(new)} {quote(path)} || exit 1",\n            *(',
        'f"mv -f {new} {path} || exit 1",\n            *(',
        "remoting.any_path_is_one_word",
    ),
    Mutant(
        "fixed-names",
        HOST,
        r'_PYTHON = re.compile(r"python\d+\.\d+")',
        r'_PYTHON = re.compile(r"python2\.4")',
        "remoting.whatever_python_dom0_has",
    ),
    Mutant(
        "host-key",
        SSH,
        "client.set_missing_host_key_policy(accept_only(where, host_fingerprint))",
        "client.set_missing_host_key_policy(paramiko.AutoAddPolicy())",
        "remoting.a_host_that_is_not_known_gets_no_password",
    ),
    Mutant(
        "host-key",
        KEYS,
        "            if found != wanted",
        "            if False and found != wanted",
        "remoting.a_host_that_is_not_known_gets_no_password",
    ),
    Mutant(
        "read-after-exit",
        SSH,
        "            written = bytearray()\n",
        "            written = bytearray()\n            channel.recv_exit_status()\n",
        "remoting.much_is_read_before_the_end",
    ),
    Mutant(
        "connect-timeout-only",
        SSH,
        "        channel.settimeout(max(seconds, 0.001))\n",
        "        channel.settimeout(None)\n",
        "remoting.a_command_has_a_limit",
    ),
    Mutant(
        "any-ssl-value",
        PRECONDITIONS,
        '    options = {} if ssl is None else {"ssl": "enable" if ssl else "disable"}\n',
        '    options = {"ssl": "disable" if ssl is False else "enable"}\n',
        "installing.only_what_is_asked_for_is_set",
    ),
    Mutant(
        "port-ignored",
        PRECONDITIONS,
        "    return options if port is None else",
        "    return options if port is None or port <= 1024 else",
        "installing.only_what_is_asked_for_is_set",
    ),
    Mutant(
        "overwritten",
        "libcloud_ovm3/installer/host_files.py",
        '    if (on_disk.files_state, lines) == ("complete", "unregistered"):\n'
        '        return "unregistered", (',
        '    if (on_disk.files_state, lines) == ("complete", "unregistered"):\n'
        '        return "not installed", (',
        "installing.an_upgrade_of_the_agent_is_noticed",
    ),
]

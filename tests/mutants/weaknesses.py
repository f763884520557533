"""What older integrations' host modules and their installers did wrong (agent-behaviour.md 15.2,
15.3), bullet by bullet; and what our own rules (docs/host-module.md) forbid beyond that."""

from __future__ import annotations

# name -> what is wrong, in short
OF_OLDER_MODULES = {
    "shell": "shell strings from what callers send: names of hosts, bridges, ids, paths",
    "any-path": "an upload that writes any path",
    "umask": "a key file readable for everybody unless the umask helps",
    "logged": "what is uploaded stands in a log",
    "wrong-except": "the exception that happens is not the one that is caught",
    "status-ignored": "the result of a command is ignored, and the answer is True",
    "not-closed": "a file is not closed: close without brackets",
    "host-key": "SSH without a check of the host key (AutoAddPolicy)",
    "unquoted": "a remote path that is not quoted",
    "read-after-exit": "waits for the exit status before it reads: a deadlock with much output",
    "connect-timeout-only": "a time limit for connecting only",
    "fixed-key": "one fixed RSA key for everything",
    "regex-unescaped": "addresses and devices as patterns, not anchored: 2.168.1.10, control01",
    "pgrep": "any process with the name in its command line counts as the one that runs",
    "started-twice": "two callers at once start two",
    "unread-pipe": "waits for a process whose pipe nobody reads",
    "no-limit": "no time limit: a hung NFS server blocks the agent's call",
    "decimal-mode": "a file mode as a plain number: decimal 755",
    "true-or-nil": "success is True or nil, and one of them is taken for failure",
    "rx-tx": "received and sent exchanged, packets for bytes, figures out of top's text",
    "substring": "the first line that has the name somewhere in it",
    "missing-sysfs": "one device without its files makes a fault of the whole answer",
    "not-atomic": "edits in place: a crash leaves half a file",
    "counting-lines": "the number of lines with a word decides about a patch",
    "every-modules-line": "every line with MODULES in it is changed",
    "xport": "a pattern for port= that meets xport= too",
    "no-backup": "no backup",
    "no-uninstall": "no way back",
    "overwritten": "a new package of the agent throws it out, unnoticed",
    "fixed-names": "paths for Python 2.4 only",
    "exec-any": "runs any name of the module that is asked for",
    # 15.2, the steps of the installation
    "any-ssl-value": "any value but disable and false turns TLS on",
    "port-ignored": "a port that is not allowed is left out in silence",
    "wrong-bridge-function": "the bridge script patched to a function that takes other arguments",
    "each-time": "patches again at each run",
}

OF_OUR_OWN = {
    "links": "a link is followed",
    "swapped": "a directory is looked up twice, and swapped in between",
    "not-mounted": "writes into the directory of a mount that is not mounted",
    "rename-wins": "a document's version is made by rename: the last writer wins",
    "repeat-lost": "a repeated request is taken for another writer",
    "no-second-look": "a writer that has won does not look for higher versions",
    "only-the-next": "a writer that has won looks at the next version only, which may be late, too",
    "not-its-own": "a link that is said to have succeeded wins, whatever file is there",
    "pruned-with-a-gap": "pruning that is cut off leaves a gap, as if a version had been late",
    "digest-ignored": "a vm.cfg is changed that is not the one that was read",
    "change-run-again": "a repeated or late request changes a vm.cfg again",
    "two-changes-at-once": "a vm.cfg is changed while another host or process changes it",
    "text-before-lost": "nobody has the vm.cfg as it was before a change that was killed",
    "torn-read": "a document that was cut off is read as whole",
    "pruned-too-much": "versions among the 16 highest are pruned",
    "pruned-too-early": "versions of the last hour are pruned",
    "payload-text": "payload as a text, which the agent would log",
    "endless-chunk": "a chunk of any size",
    "chunk-unchecked": "a chunk whose parts do not fit is written",
    "zeros-written": "zero blocks take room",
    "two-jobs": "the same operation twice is two jobs",
    "copy-overwrites": "a copy lays itself over what is there",
    "half-copy": "a copy that fails leaves half a file under its name",
    "rename-overwrites": "a rename onto something",
    "aside-overwrites": "a file is set aside or put back onto something",
    "aside-not-there": "what was set aside is not named, or only in part",
    "unlogged": "a write that the host's log does not know",
    "one-spoils-all": "one bad file or domain spoils the answer",
    "not-whole": "domains that xend does not tell of are taken for stopped",
    "takes-agent-down": "a broken installation of ours takes the agent's other functions down",
}

# What we cannot get wrong, and why.
CANNOT_BE_HAD = {
    "fixed-key": "we have no key: the installer uses the person's own key, SSH agent or password, "
    "and the host module does no SSH at all (so no exec_domr, no uploads to other machines)",
    "rx-tx": "the host module counts nothing: statistics come from the agent's own functions",
}

"""The configuration file with named estates: hosts, pins, user, and where the password comes from.

Its place is ``$XDG_CONFIG_HOME/libcloud-ovm3/estates.yaml`` or ``~/.config/...``; docs/estates.md
describes it. Nothing in here contacts a host. A password is never in the file itself.
"""

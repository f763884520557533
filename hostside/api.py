"""Which module this is, and what the agent's modules can do."""

import sys

from libcloud_ovm3_host import version as this


def version(dom0):
    """``{api, python}``: the number that decides whether client and module fit."""
    return {'api': this.API, 'python': '.'.join([str(part) for part in sys.version_info[:3]])}

"""The agent's entry point to libcloud-ovm3's host module. It is installed in ``agent/api``; the
services that it lists lie in ``libcloud_ovm3_host`` beside the package ``agent``."""

import sys

from agent.api.base import Agent


class LibcloudOvm3(Agent):
    """Lists the host module's services for the agent."""

    dom0 = None  # the host; the simulator and tests put their own here

    def get_services(self, version=None):
        """Name -> function. A broken installation must never take the agent down."""
        try:
            from libcloud_ovm3_host import dom0, services
            return services.table(self.dom0 or dom0.Dom0())
        except Exception:  # whatever is wrong with the files
            return {'libcloud_version': _broken(sys.exc_info()[1])}


def _broken(failure):
    def version(*arguments):
        raise failure
    return version

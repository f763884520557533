"""The agent's door to libcloud-ovm3's host module. It goes to ``agent/api``; what it opens lies in
``libcloud_ovm3_host`` beside the package ``agent``."""

import sys

from agent.api.base import Agent


class LibcloudOvm3(Agent):
    """Lists our services for the agent."""

    dom0 = None  # the host; the simulator and tests put their own here

    def get_services(self, version=None):
        """Name -> function. A broken installation of ours must never take the agent down."""
        try:
            from libcloud_ovm3_host import dom0, services
            return services.table(self.dom0 or dom0.Dom0())
        except Exception:  # whatever lies there instead
            return {'libcloud_version': _broken(sys.exc_info()[1])}


def _broken(problem):
    def version(*arguments):
        raise problem
    return version

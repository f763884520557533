"""The table of services: every function of the module, by its name, with its time limit."""

from libcloud_ovm3_host import api
from libcloud_ovm3_host.version import PREFIX

# name without prefix -> (function, seconds; None: it sets limits of its own)
SERVICES = {
    'version': (api.version, None),
}


def table(dom0):
    """``{name: function}`` as the agent wants it."""
    return dict([(PREFIX + name, _service(dom0, function, seconds))
                 for name, (function, seconds) in SERVICES.items()])


def _service(dom0, function, seconds):
    if seconds is None:
        def service(*arguments):
            return function(dom0, *arguments)
    else:
        def service(*arguments):
            return dom0.within(seconds, function, dom0, *arguments)
    service.__name__ = function.__name__
    service.__doc__ = function.__doc__
    service.function = function  # what api.get_api_services looks at
    return service

"""Salt Cloud's provider ``ovm3``: the functions that Salt looks up, by their names.

Salt puts ``__opts__``, ``__utils__`` and ``__active_provider_name__`` into this module, which it
loads from its file. How to configure and use it: docs/salt-cloud.md.
"""

from __future__ import annotations

import logging
import multiprocessing
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from libcloud.common.types import LibcloudError
from libcloud.compute.base import Node
from salt import config
from salt.exceptions import SaltCloudException, SaltCloudSystemExit

from libcloud_ovm3.agent.address import parse_flag
from libcloud_ovm3.compute import find, records
from libcloud_ovm3.compute.deploying import checking
from libcloud_ovm3.compute.driver import OVM3NodeDriver
from libcloud_ovm3.compute.waiting import check_interface
from libcloud_ovm3.errors import InvalidArgument, Ovm3Warning, shown
from libcloud_ovm3.salt import listed, methods, provider
from libcloud_ovm3.salt.arguments import typed

if TYPE_CHECKING:
    __opts__: dict[str, Any] = {}
    __utils__: dict[str, Callable[..., Any]] = {}
    __active_provider_name__: Any = None

__virtualname__ = "ovm3"
_LOG = logging.getLogger(__name__)


# ------------------------------------------------------------------ configuration


def __virtual__() -> str | bool:  # noqa: N807 (the name that Salt looks for)
    """Load this module only where a provider has the driver ``ovm3``."""
    return __virtualname__ if _provider(__virtualname__) else False


def get_configured_provider() -> dict[str, Any] | bool:
    """Return the provider in use, complete or not.

    Salt would leave out an incomplete one, and take its VMs for absent; it is an error instead, of
    each command that needs it.
    """
    return _provider(_active()) or False


def _provider(name: str) -> dict[str, Any]:
    """Read from the provider itself: Salt's own options have keys of the same names."""
    return dict(config.is_provider_configured(__opts__, name, ()) or {})


def _active() -> str:
    name = __active_provider_name__
    return getattr(name, "value", lambda: name)() or __virtualname__


def _alias() -> str:
    return _active().partition(":")[0]


def _driver() -> OVM3NodeDriver:
    return OVM3NodeDriver(**provider.driver_arguments(_provider(_active())))


@contextmanager
def _reported() -> Iterator[None]:
    """Errors as Salt prints them, in one line; warnings in its log, where the driver puts them."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Ovm3Warning)
            yield
    except (LibcloudError, NotImplementedError) as error:
        raise SaltCloudSystemExit(f"{_alias()}: {shown(str(error))}") from error


# ------------------------------------------------------------------ listing


def _listing(method: str, form: Callable[[Any], dict[str, Any]]) -> Callable[..., Any]:
    """Make a function that lists something."""

    def list_them(kwargs: dict[str, Any] | None = None, call: str | None = None) -> dict[str, Any]:
        _refuse(call, "action")
        with ExitStack() as stack:
            if call is None and multiprocessing.current_process().daemon:
                # Salt ends its workers by SIGTERM, and waits for them. Its handler, which they
                # inherit, does not run where one is about to wait for its next task: that hangs.
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                stack.push(_end_worker)
            with _reported():
                arguments = typed(getattr(OVM3NodeDriver, method), kwargs or {})
                return form(getattr(_driver(), method)(**arguments))

    list_them.__doc__ = f"Call the driver's ``{method}``."
    return list_them


def _end_worker(kind: object, error: BaseException | None, trace: object) -> None:
    """Make the command fail in which a worker of Salt's pool lists VMs.

    Salt takes every Exception in there for an empty list: VMs that cannot be read would be absent,
    created twice, and "already destroyed". A SystemExit it reports, with a traceback.
    """
    if error is None:
        return
    if isinstance(error, SaltCloudSystemExit):
        sys.tracebacklimit = 0  # of this process, which Salt ends now; the message says all
        raise SystemExit(str(error)) from None
    raise SystemExit(f"{_alias()}: {error!r}") from error


def _refuse(call: str | None, kind: str) -> None:
    """Refuse what is not an action, or not a function: Salt calls either as either."""
    if call == kind == "action":
        raise SaltCloudSystemExit("this is not an action: expected salt-cloud -f NAME PROVIDER")
    if call == kind == "function":
        raise SaltCloudSystemExit("this is not a function: expected salt-cloud -a NAME VM")


avail_sizes = _listing("list_sizes", lambda found: listed.by_name(found, records.size_record))
avail_images = _listing("list_images", lambda found: listed.by_name(found, records.image_record))
avail_locations = _listing(
    "list_locations", lambda found: listed.by_name(found, records.host_record)
)
list_nodes = _listing("list_nodes", lambda found: listed.nodes_by_name(found, listed.brief))
list_nodes_min = _listing("list_nodes", lambda found: listed.nodes_by_name(found, listed.minimal))
_list_nodes_full = _listing("list_nodes", lambda found: listed.nodes_by_name(found, listed.full))


def list_nodes_full(
    kwargs: dict[str, Any] | None = None, call: str | None = None
) -> dict[str, Any]:
    """List all that is known of each VM."""
    nodes: dict[str, Any] = _list_nodes_full(kwargs, call)
    cached = {name: node for name, node in nodes.items() if listed.may_be_file_name(name)}
    _cache("cloud.cache_node_list", cached, _alias())
    return nodes


def list_nodes_select(
    kwargs: dict[str, Any] | None = None, call: str | None = None
) -> dict[str, Any]:
    """List what ``query.selection`` names."""
    return listed.selected(_list_nodes_full(kwargs, call), __opts__.get("query.selection"))


def show_instance(
    name: str | None = None, kwargs: dict[str, Any] | None = None, call: str | None = None
) -> dict[str, Any]:
    """Show all that is known of one VM."""
    _refuse(call, "function")
    with _reported():
        arguments = typed(OVM3NodeDriver.ex_get_node_details, kwargs or {})
        node = listed.full(_find(_driver(), name, arguments))
    if listed.may_be_file_name(node["name"]):
        _cache("cloud.cache_node", node, _active())
    return node


def _cache(function: str, *arguments: Any) -> None:
    """Let Salt keep what is listed (``update_cachedir``); if it cannot, it is listed all the same.

    Salt itself would take the list for empty. TypeError: Salt reads its files as texts.
    """
    try:
        __utils__[function](*arguments, __opts__)
    except (OSError, TypeError, ValueError) as error:
        _LOG.warning("%s: Salt's cache was not updated: %s", _alias(), error)


# ------------------------------------------------------------------ actions and functions


def _action(method: str) -> Callable[..., Any]:
    """Make an action: a method of the driver whose first argument is a node."""

    def act(
        name: str | None = None, kwargs: dict[str, Any] | None = None, call: str | None = None
    ) -> Any:
        _refuse(call, "function")
        with _reported():
            arguments = typed(getattr(OVM3NodeDriver, method), kwargs or {})
            driver = _driver()
            node = _find(driver, name, arguments)
            return listed.plain(getattr(driver, method)(node, **arguments))

    act.__doc__ = f"Call the driver's ``{method}``."
    return act


def _function(method: str) -> Callable[..., Any]:
    """Make a function: any other method of the driver."""

    def call_it(kwargs: dict[str, Any] | None = None, call: str | None = None) -> Any:
        _refuse(call, "action")
        with _reported():
            arguments = typed(getattr(OVM3NodeDriver, method), kwargs or {})
            return listed.plain(getattr(_driver(), method)(**arguments))

    call_it.__doc__ = f"Call the driver's ``{method}``."
    return call_it


def _find(driver: OVM3NodeDriver, name: str | None, arguments: dict[str, Any]) -> Node:
    return find.find_vm(driver, str(name), arguments.get("ex_hosts_off", ()))


start = _action("start_node")
stop = _action("stop_node")
reboot = _action("reboot_node")
# Salt looks all of them up among the names of this module.
globals().update({one: _action(one) for one in methods.ACTIONS})
globals().update({one: _function(one) for one in methods.FUNCTIONS})
list_keypairs = _function("list_key_pairs")  # the name that Salt's other clouds have
_destroy = _action("destroy_node")


def destroy(
    name: str | None = None, kwargs: dict[str, Any] | None = None, call: str | None = None
) -> Any:
    """Destroy a VM, and its own disks."""
    _refuse(call, "function")
    _refuse_dangerous(str(name), call)
    known = {"name": name, "provider": _active()}
    _event("destroying", known)
    done = _destroy(name, kwargs, call)
    _event("destroyed", known)
    if listed.may_be_file_name(str(name)):
        __utils__["cloud.delete_minion_cachedir"](name, _alias(), __opts__)
    return done


def _refuse_dangerous(name: str, call: str | None) -> None:
    """Refuse what Salt would destroy besides."""
    if __opts__.get("hard"):
        raise SaltCloudSystemExit(
            f"{_alias()}: {name}: nothing was destroyed: with --hard, Salt destroys VMs by names "
            f"that others have, even those of the map; expected salt-cloud -d NAME"
        )
    if "/" in name and call != "action":
        raise SaltCloudSystemExit(
            f"{_alias()}: {name!r}: nothing was destroyed: Salt would delete a file at this path; "
            f"expected salt-cloud -a destroy ID"
        )


# ------------------------------------------------------------------ create


def create(vm_: dict[str, Any]) -> dict[str, Any]:
    """Create a VM and start it. With ``deploy``, install Salt in it.

    The driver reads the estate anew and refuses a name that is taken or cannot be proven to be
    free, whatever Salt has listed before.
    """

    def setting(key: str) -> Any:
        return config.get_cloud_config_value(key, vm_, __opts__, search_global=False)

    name = vm_["name"]
    with _reported():
        arguments = provider.create_arguments(setting, vm_, _provider(_active()))
        image_name, size_name = _required(setting, "image"), _required(setting, "size")
        deploy = config.get_cloud_config_value("deploy", vm_, __opts__, default=False)
        deploys = parse_flag(deploy, "deploy")
        address = setting("ssh_host")
        if deploys and not arguments.get("ex_start", True):
            raise InvalidArgument(
                f"{name}: nothing was created: with deploy on, Salt connects to the VM; expected "
                f"deploy: False, or ex_start not False"
            )
        if deploys:
            provider.check_login(_of_guest(vm_), __opts__)
        driver = _driver()
        interface = check_interface(setting("ssh_interface") or "private_ips")
        if deploys and not address:
            driver = checking(driver, interface, "deploy: False, or ssh_host: ADDRESS")
        image = find.find_image(driver, image_name)
        size = listed.named(driver.list_sizes(), "size", size_name)
        host = setting("location")
        location = find.find_host(driver, str(host)) if provider.is_given(host) else None
        _event("creating", vm_)
        node = driver.create_node(name, size, image, location, **arguments)
    installed = _deploy(vm_, address or _address(vm_, node, interface), node) if deploys else {}
    _event("created", vm_)
    return {**installed, **listed.full(node)}


def _required(setting: Callable[[str], Any], key: str) -> str:
    value = setting(key)
    if not isinstance(value, str) or not value:
        raise InvalidArgument(f"{key} {value!r}: expected a name or an id, in the profile or map")
    return value


def _address(vm_: dict[str, Any], node: Node, interface: str) -> str:
    """The address of a new VM, once it is known; Salt's own names of these settings."""

    def seconds(key: str, default: int) -> Any:
        return config.get_cloud_config_value(key, vm_, __opts__, default=default)

    try:
        [(_, addresses)] = node.driver.wait_until_running(
            [node],
            wait_period=seconds("wait_for_ip_interval", 10),
            timeout=seconds("wait_for_ip_timeout", 600),
            ssh_interface=interface,
            ex_addresses=True,
        )
    except LibcloudError as error:
        raise SaltCloudSystemExit(f"{_without_salt(node)}: {shown(str(error))}") from error
    return str(addresses[0])


def _without_salt(node: Node) -> str:
    return f"{_alias()}: {node.name} ({node.id}) was created, but has no Salt"


def _of_guest(vm_: dict[str, Any]) -> dict[str, Any]:
    """The settings of a VM, without the agents' password, which Salt has put among them."""
    is_agents = vm_.get("password") == _provider(_active()).get("password")
    return {**vm_, "password": None} if is_agents else vm_


def _deploy(vm_: dict[str, Any], address: str, node: Node) -> dict[str, Any]:
    """Install Salt in a new VM, over SSH."""
    settings = {**_of_guest(vm_), "ssh_host": address}
    what = _without_salt(node)
    try:
        installed: dict[str, Any] = __utils__["cloud.bootstrap"](settings, __opts__)
    except SaltCloudException as error:
        raise SaltCloudSystemExit(f"{what}: {shown(str(error))}") from error
    if "Error" in installed:
        raise SaltCloudSystemExit(f"{what}: {shown(str(installed['Error']))}")
    return installed


def _event(tag: str, about: dict[str, Any]) -> None:
    keys = ["name", "profile", "provider", "driver"]
    __utils__["cloud.fire_event"](
        "event",
        tag,
        f"salt/cloud/{about['name']}/{tag}",
        args=__utils__["cloud.filter_event"](tag, about, keys),
        sock_dir=__opts__["sock_dir"],
        transport=__opts__["transport"],
    )

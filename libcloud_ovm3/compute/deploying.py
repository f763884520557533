"""Creating a node and running a deployment in it, by SSH."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import partial
from inspect import signature
from typing import Any

from libcloud.compute.base import Node, NodeAuthPassword, NodeAuthSSHKey
from libcloud.compute.deployment import Deployment
from libcloud.compute.types import DeploymentError

from libcloud_ovm3 import operations
from libcloud_ovm3.agent.address import list_of, parse_port
from libcloud_ovm3.agent.call_kinds import parse_seconds
from libcloud_ovm3.agent.option_values import existing_file
from libcloud_ovm3.compute.guests import check_auth
from libcloud_ovm3.compute.new_nodes import NewNodes
from libcloud_ovm3.compute.waiting import Waiting, check_interface
from libcloud_ovm3.errors import InvalidArgument
from libcloud_ovm3.habitual import says_something


class Deploying(NewNodes, Waiting):
    """The driver's method that deploys nodes."""

    def deploy_node(
        self,
        deploy: Deployment,
        ssh_username: str = "root",
        ssh_alternate_usernames: list[str] | None = None,
        ssh_port: int = 22,
        ssh_timeout: int = 10,
        ssh_key: str | list[str] | None = None,
        ssh_key_password: str | None = None,
        auth: NodeAuthSSHKey | NodeAuthPassword | None = None,
        timeout: int = 300,
        max_tries: int = 3,
        ssh_interface: str = "public_ips",
        at_exit_func: Callable[..., Any] | None = None,
        wait_period: int = 5,
        **create_node_kwargs: Any,
    ) -> Node:
        """Create a node, wait until it runs and has an address, and run a deployment in it by SSH.

        As libcloud's own, and with its arguments, and those of :meth:`create_node` by name. Needs
        paramiko. What can be known to fail is refused before anything is created: no way to log in,
        or no address that could become known (docs/deploy.md).

        :param deploy: What to run: a script, files, several of these. (required)
        :type deploy: :class:`Deployment`

        :param ssh_username: The user to log in as.
        :type ssh_username: ``str``

        :param ssh_alternate_usernames: Users to try after that one.
        :type ssh_alternate_usernames: ``list`` of ``str``

        :param ssh_port: The TCP port of the guest's SSH server.
        :type ssh_port: ``int``

        :param ssh_timeout: The time limit of one attempt to connect.
        :type ssh_timeout: ``float``, seconds

        :param ssh_key: The path of the private key to log in with, or several.
        :type ssh_key: ``str`` or ``list`` of ``str``

        :param ssh_key_password: The password of the private key.
        :type ssh_key_password: ``str``

        :param auth: As for :meth:`create_node`. It or ``ssh_key`` is required.
        :type auth: :class:`NodeAuthSSHKey` or :class:`NodeAuthPassword`

        :param timeout: How long to wait until the node runs and has an address, and then again
            until SSH connects, for each user.
        :type timeout: ``float``, seconds

        :param max_tries: How often to try to run the deployment.
        :type max_tries: ``int``

        :param ssh_interface: Which of its addresses to connect to, ``public_ips`` (those on the
            driver's ``ex_public_networks``; without that it is refused) or ``private_ips``: the
            first one.
        :type ssh_interface: ``str``

        :param at_exit_func: Called with ``driver`` and ``node`` if the program is ended meanwhile.
        :type at_exit_func: ``callable``

        :param wait_period: The time between two queries.
        :type wait_period: ``float``, seconds

        :raises InvalidArgument: An argument is wrong, or the addresses that the node will have are
            not of the kind ``ssh_interface``. Nothing was created.
        :raises PreconditionFailed: No address of it can become known, or create_node refuses.
            Nothing was created.
        :raises RuntimeError: paramiko is missing. Nothing was created.
        :raises DeploymentError: The node was created (``error.node``), but no address of it became
            known, or SSH or the deployment failed. It is left as it is.
        :raises Ovm3Error: As :meth:`create_node`.
        :return: The node.
        :rtype: :class:`Node`
        """
        _check_login(ssh_key, ssh_key_password, auth, create_node_kwargs.get("ex_keyname"))
        _check_keys(ssh_key, bool(ssh_key_password) or isinstance(auth, NodeAuthPassword))
        self._check_interface(ssh_interface)
        _check_names(self.create_node, create_node_kwargs)
        _check_functions(deploy, at_exit_func)
        users = _users(ssh_username, ssh_alternate_usernames)
        numbers = _numbers(ssh_port, ssh_timeout, timeout, max_tries, wait_period)
        driver = checking(self, ssh_interface)
        wait = partial(self.wait_until_running, ex_addresses=True)
        driver.wait_until_running = wait
        try:
            node: Node = super(Deploying, driver).deploy_node(
                deploy,
                ssh_username=users[0],
                ssh_alternate_usernames=users[1:],
                ssh_key=ssh_key,
                ssh_key_password=ssh_key_password,
                auth=auth,
                ssh_interface=ssh_interface,
                at_exit_func=at_exit_func and partial(_at_exit, self, at_exit_func),
                **numbers,
                **create_node_kwargs,
            )
        except DeploymentError as error:
            error.driver = error.node.driver = self
            raise
        node.driver = self
        return node

    def _check_interface(self, ssh_interface: str) -> None:
        """Refuse what wait_until_running would refuse, or wait for in vain, when the node is there.

        :raises InvalidArgument: says what is expected.
        """
        check_interface(ssh_interface)
        if ssh_interface == "public_ips" and not self._estate.public_networks:
            raise InvalidArgument(
                "ssh_interface 'public_ips': no network is public (ex_public_networks), so no node "
                "has a public address; expected 'private_ips'"
            )


def checking(driver: NewNodes, ssh_interface: str, otherwise: str = "") -> Any:
    """A driver that creates a node only if its address can become known.

    :param ssh_interface: ``public_ips`` or ``private_ips``.
    :param otherwise: What the caller can do instead, for the error.
    """
    own = copy(driver)
    check = operations.deployable.require_known_address
    own._require = partial(check, interface=ssh_interface, otherwise=otherwise)
    return own


def _check_login(
    ssh_key: str | Sequence[str] | None, password: object, auth: object, keyname: object
) -> None:
    """Refuse what SSH could not log in with.

    :raises InvalidArgument: says what is expected.
    """
    check_auth(auth)
    if not ssh_key and not auth and says_something(keyname):
        raise InvalidArgument(
            "ssh_key: expected the path of the private key of ex_keyname, to log in with"
        )
    if not ssh_key and not auth:
        raise InvalidArgument(
            "ssh_key: expected the path of a private key, or auth: a node is created without a "
            "password and without keys otherwise"
        )
    is_one = isinstance(ssh_key, str | bytes)
    for path in [ssh_key] if is_one else list_of(ssh_key or (), "ssh_key"):
        existing_file(path, "ssh_key")
    if password is not None and not isinstance(password, str):
        raise InvalidArgument(f"ssh_key_password: expected a text, not {type(password).__name__}")


def _check_keys(ssh_key: str | Sequence[str] | None, has_password: bool) -> None:
    """Refuse files, which can be read, that have no private key to log in with: libcloud uses no
    other key then.

    :raises InvalidArgument: says what is expected.
    """
    for path in [ssh_key] if isinstance(ssh_key, str) else ssh_key or ():
        operations.ssh_keys.require_private_key(path, has_password, "ssh_key")


def _check_functions(deploy: object, at_exit_func: object) -> None:
    """Refuse what could not be run.

    :raises InvalidArgument: says what is expected.
    """
    if not callable(getattr(deploy, "run", None)):
        raise InvalidArgument(f"deploy {deploy!r}: expected a Deployment, such as ScriptDeployment")
    if at_exit_func and not callable(at_exit_func):
        raise InvalidArgument(f"at_exit_func {at_exit_func!r}: expected a function")


def _users(first: str, others: Sequence[str] | str | None) -> list[str]:
    """The users to log in as. libcloud adds up lists of them, when the node is there.

    :raises InvalidArgument: says what is expected.
    """
    found = [others] if isinstance(others, str) else others or ()
    users = [first, *list_of(found, "ssh_alternate_usernames")]
    for user in users:
        if not isinstance(user, str) or not user:
            raise InvalidArgument(
                f"ssh_username, ssh_alternate_usernames {user!r}: expected the name of a user"
            )
    return users


def _numbers(
    ssh_port: Any, ssh_timeout: Any, timeout: Any, max_tries: Any, wait_period: Any
) -> dict[str, Any]:
    """The numbers that libcloud counts with, also from texts.

    :raises InvalidArgument: one is none, or not possible: nothing would be run at all.
    """
    if not re.fullmatch("[1-9][0-9]{0,5}", str(max_tries), re.ASCII):
        raise InvalidArgument(f"max_tries {max_tries!r}: expected a number of times, 1 or more")
    return {
        "ssh_port": parse_port(ssh_port),
        "ssh_timeout": parse_seconds(ssh_timeout, "ssh_timeout"),
        "timeout": timeout and parse_seconds(timeout, "timeout"),  # it has a default for 0 and None
        "max_tries": int(max_tries),
        "wait_period": parse_seconds(wait_period, "wait_period", may_be_zero=True),
    }


def _check_names(create_node: Callable[..., Node], arguments: Mapping[str, Any]) -> None:
    """Refuse what create_node would answer with a TypeError: libcloud would call it again, with
    other arguments.

    :raises InvalidArgument: an argument of create_node is missing or unknown.
    """
    try:
        signature(create_node).bind(**arguments)
    except TypeError as error:
        raise InvalidArgument(
            f"{error}: expected what a new node needs by name, among it name, size and image"
        ) from None


def _at_exit(own: Deploying, function: Callable[..., Any], driver: object, node: Node) -> Any:
    """Call the user's function with the user's driver."""
    node.driver = own
    return function(driver=own, node=node)

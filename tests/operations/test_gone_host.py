"""Which host of a claim a person means, and where it must not answer. Pure."""

from __future__ import annotations

import re
import uuid
from contextlib import ExitStack
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from libcloud_ovm3.agent.address import Address
from libcloud_ovm3.agent.documents import Server
from libcloud_ovm3.errors import HostNotFound, HostUnreachable
from libcloud_ovm3.estate.hosts import HostView, UnreachableHost
from libcloud_ovm3.estate.vms import EstateSnapshot
from libcloud_ovm3.operations.gone_host import find_gone
from libcloud_ovm3.operations.word_door import person, words


def id_of(number: int) -> str:
    return f"{number:032x}"


def host(number: int) -> HostView:
    server = Server(uuid=str(uuid.UUID(int=number)).upper(), hostname=f"ovm-{number}")
    return HostView(Address(f"10.0.0.{number}", 8899), None, server, (), ())  # type: ignore[arg-type]


SILENT = UnreachableHost("10.0.0.3:9999", HostUnreachable("10.0.0.3:9999: no route"))
SNAPSHOT = EstateSnapshot((host(1), host(2)), (SILENT,), ())
NAMED = [id_of(1), id_of(3), id_of(4)]
REGISTERED = {id_of(1): "10.0.0.1", id_of(3): "10.0.0.3", id_of(4): "", id_of(5): "10.0.0.2"}


@pytest.mark.parametrize(
    ("name", "number", "addresses"),
    [
        ("ovm-1", 1, None),
        ("10.0.0.1", 1, None),
        (str(uuid.UUID(int=1)), 1, None),
        ("10.0.0.3", 3, ["10.0.0.3:8899", "10.0.0.3:9999"]),
        ("10.0.0.3:9999", 3, ["10.0.0.3:8899", "10.0.0.3:9999"]),
        (str(uuid.UUID(int=3)).upper(), 3, ["10.0.0.3:8899", "10.0.0.3:9999"]),
        (id_of(4), 4, []),
    ],
)
def test_which_host_is_meant(name: str, number: int, addresses: list[str] | None) -> None:
    found = find_gone(name, NAMED, REGISTERED, SNAPSHOT)
    assert found.id == id_of(number)
    assert (found.view is None) == (addresses is not None)
    assert [str(one) for one in found.addresses] == (addresses or [])


@pytest.mark.parametrize("name", ["ovm-2", "10.0.0.2", "10.0.0.9", "", id_of(5), id_of(2), "\x00"])
def test_a_host_that_the_claim_does_not_name_is_none(name: str) -> None:
    with pytest.raises(HostNotFound, match=id_of(3)):
        find_gone(name, NAMED, REGISTERED, SNAPSHOT)


def test_the_address_of_a_dead_host_that_another_one_has_now_says_nothing() -> None:
    found = find_gone(id_of(4), NAMED, {id_of(4): "10.0.0.1"}, SNAPSHOT)
    assert (found.id, found.view, found.addresses) == (id_of(4), None, ())


def test_two_hosts_that_had_one_address_are_told_apart_by_their_ids_only() -> None:
    registered = {id_of(3): "10.0.0.3", id_of(4): "10.0.0.3"}
    with pytest.raises(HostNotFound, match="may be any of"):
        find_gone("10.0.0.3", NAMED, registered, SNAPSHOT)


@given(st.text(), st.text())
@example("a|b", "c;d")
@example("a", "b" * 600)
def test_words_are_what_the_module_takes(name: str, seen: str) -> None:
    text = words("ex_gone_from", name, seen)
    assert 1 <= len(text) <= 500
    assert text.isprintable()
    assert text.isascii()
    assert not set(";|") & set(text)


@given(st.text(min_size=1), st.text(min_size=1))
def test_whose_word_it_is(user: str, machine: str) -> None:
    names = {"getpass.getuser": user, "socket.gethostname": machine}
    with ExitStack() as patches:
        for function, name in names.items():
            patches.enter_context(mock.patch(function, return_value=name))
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9@._-]{0,31}", person())
    with mock.patch("getpass.getuser", side_effect=KeyError("uid 7")):
        assert person().startswith("unknown@")

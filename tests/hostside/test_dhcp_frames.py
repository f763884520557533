"""What a frame says of DHCP: only what is whole, and only to the card that has asked."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dhcp_messages import (ACK, DECLINE, MAC, NAK, OTHER, RELEASE, REQUEST, SERVER, lease, message,
                           option)
from libcloud_ovm3_host import dhcp_frames

TYPE = option(53, ACK)
FILE = struct.pack('!128s', lease(60) + struct.pack('!B', 255))


def test_an_answer():
    assert dhcp_frames.parse(message(ACK)) == {
        'type': ACK, 'xid': 77, 'mac': MAC, 'source': SERVER, 'target': 'ff:ff:ff:ff:ff:ff',
        'address': '10.0.0.9', 'seconds': 3600}
    padded = struct.pack('!B', 0) + TYPE + option(61, 1) + lease(5)
    assert dhcp_frames.parse(message(ACK, options=padded))['seconds'] == 5
    # options that go on in the field for a file's name
    again = dhcp_frames.parse(message(ACK, options=TYPE + option(52, 1), file=FILE))
    assert again['seconds'] == 60


@pytest.mark.parametrize('spoiled', [
    {'cut': 1}, {'end': struct.pack('!B', 0)}, {'options': TYPE + struct.pack('!BB', 51, 200)},
    {'options': TYPE + lease(5) + lease(5)}, {'options': TYPE + TYPE}, {'options': option(51, 1)},
    {'options': TYPE + option(51, 1)}, {'options': TYPE + option(52, 1)}, {'fragment': 0x2000},
    {'fragment': 1}, {'protocol': 6}, {'ethertype': 0x86dd}, {'op': 1}, {'sport': 53},
    {'dport': 67}, {'address': (0, 0, 0, 0)}, {'address': (255, 255, 255, 255)},
    {'address': (127, 0, 0, 1)}, {'address': (224, 0, 0, 1)}], ids=str)
def test_what_is_not_whole_says_nothing(spoiled):
    assert dhcp_frames.parse(message(ACK, **spoiled)) is None


@given(st.binary(max_size=400), st.integers(0, 350), st.booleans())
def test_any_bytes(junk, place, is_long):
    """Also in the place of any part of a message: an error would end the watch."""
    whole = message(ACK, options=TYPE + lease(5) + option(12, *[65] * 40))
    found = [dhcp_frames.parse(one) for one in (
        junk, whole[:place] + junk, whole[:place] + junk + whole[place + len(junk):],
        whole[:place])]
    for one in found:
        assert one is None or (one['type'] in (3, 4, 5, 6, 7) and len(one['mac']) == 17)
    assert dhcp_frames.parse(whole + junk) == dhcp_frames.parse(whole)  # as cards pad frames


def heard(*frames):
    """What a card's lease is after these."""
    card = dhcp_frames.Card(MAC)
    now = None
    for frame in frames:
        found = card.hears(dhcp_frames.parse(frame))
        if found is not None:
            now = found
    return now


def test_a_card_and_its_lease():
    ask, answer = message(REQUEST), message(ACK)
    assert heard(ask, answer) == ('10.0.0.9', 3600)
    assert heard(ask, message(ACK, target=MAC)) == ('10.0.0.9', 3600)
    for end in ([ask, message(NAK)], [message(RELEASE)], [message(DECLINE)]):
        assert heard(ask, answer, *end) == ('', 0)
    for late in (message(ACK, address=(10, 0, 0, 10)), message(NAK)):
        assert heard(ask, answer, late) == ('10.0.0.9', 3600)
    assert heard(ask, ask, answer, ask, answer) == ('10.0.0.9', 3600)
    later = message(REQUEST, xid=78), message(ACK, xid=78, address=(10, 0, 0, 10), seconds=60)
    assert heard(ask, answer, *later) == ('10.0.0.10', 60)


@pytest.mark.parametrize('frames', [
    [message(ACK)],  # nobody has asked
    [message(REQUEST), message(ACK, xid=78)],
    [message(REQUEST), message(NAK, xid=78)],
    [message(REQUEST, source=OTHER), message(ACK)],  # somebody else asks in its name
    [message(RELEASE, source=OTHER)],
    [message(REQUEST, mac=OTHER), message(ACK, mac=OTHER)],
    [message(REQUEST), message(ACK, target=OTHER)],
    [message(REQUEST), message(ACK, seconds=None)],  # an answer to DHCPINFORM
    [message(REQUEST), message(ACK, seconds=0)]])
def test_what_is_not_the_lease_of_a_card(frames):
    assert heard(*frames) is None


def test_only_so_many_requests_are_remembered():
    asked = [message(REQUEST, xid=xid) for xid in range(dhcp_frames.MOST_REQUESTS + 1)]
    assert heard(*(asked + [message(ACK, xid=0)])) is None
    assert heard(*(asked + [message(ACK, xid=1)])) == ('10.0.0.9', 3600)

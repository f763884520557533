"""In a network namespace of its own: what the host module hears on a real bridge. Prints JSON."""

import json
import socket
import subprocess
import sys

from dhcp_messages import ACK, MAC, OTHER, REQUEST, message
from libcloud_ovm3_host import dhcp_frames, errors, packets


def ip(words):
    subprocess.run(["ip", *words.split()], check=True)


def is_promiscuous():
    shown = subprocess.run(["ip", "-d", "link", "show", "br0"], capture_output=True, check=True)
    return b"promiscuity 1" in shown.stdout


for line in ("br0 type bridge", "guest type veth peer name vif1.0"):
    ip(f"link add {line}")
ip("link set vif1.0 master br0")
for device in ("br0", "guest", "vif1.0"):
    ip(f"link set {device} up")
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind(("guest", 0))

before = is_promiscuous()
listener = packets.Listener("br0", socket.if_nametoindex("br0"))
during = is_promiscuous()
sent = [
    message(REQUEST),
    message(ACK, dport=53),
    message(ACK, protocol=6),
    message(ACK, fragment=0x2000),
    message(ACK, ethertype=0x86DD),
    message(ACK, target=OTHER),  # unicast to another machine, which the bridge floods
    message(ACK),
]
for frame in sent:
    wire.send(frame)
heard = []
while (frame := listener.read(0.5)) is not None:
    heard.append(sent.index(frame))
card = dhcp_frames.Card(MAC)
leases = [card.hears(dhcp_frames.parse(sent[number])) for number in heard]
listener.close()
try:
    packets.Listener("br9", 99)
    failure = ""
except errors.Failed as error:
    failure = str(error)
json.dump([before, during, is_promiscuous(), heard, leases, failure], sys.stdout)

"""What the files and the kernel say of a host's networks; what they do not say is unknown."""

import os

import pytest

from libcloud_ovm3_host import network_setup

SCRIPTS = '/etc/xen/scripts/'
LIBRARY = """
_setup_bridge_port () {
    ip link set "$1" down
}
setup_physical_bridge_port () {
    _setup_bridge_port "$1" 0
}
function setup_virtual_bridge_port {
    _setup_bridge_port "$1" 1
}
"""
# /etc/sysconfig/network-scripts/ifcfg-*, as a Manager has written them
BOND0 = """ #This file was dynamically created by OVM manager. Please Do not edit
DEVICE=bond0
BOOTPROTO=none
BRIDGE=0a0a0a00
BONDING_OPTS="mode=1 miimon=250 use_carrier=1 updelay=500 downdelay=500 primary=eth0"
"""
BOND1 = """# ifcfg-bond1
DEVICE=bond1
BONDING_OPTS="mode=6 miimon=250 use_carrier=1 updelay=500 downdelay=500"
"""


def put(dom0, name, text):
    path = dom0.path(name)
    if not os.path.isdir(os.path.dirname(path)):
        os.makedirs(os.path.dirname(path))
    handle = open(path, 'w')
    handle.write(text)
    handle.close()


@pytest.fixture
def host(dom0):
    put(dom0, '/sys/class/net/eth0/mtu', '1500\n')
    put(dom0, '/sys/class/net/bonding_masters', 'bond0 bond1\n')
    return dom0


def test_nothing_is_known(host):
    assert network_setup.network_setup(host) == {
        'vlan_script': 'unknown', 'zeroconf': 'unknown', 'switch': 'unknown', 'bonds': []}


@pytest.mark.parametrize('line, expected', [
    ('    setup_bridge_port "$vlan"', 'broken'), ('    _setup_bridge_port "$vlan"', 'works'),
    ('\tsetup_physical_bridge_port "$vlan"', 'works'), ('setup_virtual_bridge_port x', 'works'),
    ('# setup_bridge_port\nsetup_physical_bridge_port x', 'works'),
    ('setup_physical_bridge_port x\nif a; then setup_bridge_port x; fi', 'broken'),
    ('# setup_bridge_port', 'unknown'), ('brctl addif x', 'unknown'),
    ('setup_bridge_port () {\n:\n}\nsetup_bridge_port x', 'works')])
def test_the_script_for_vlans(host, line, expected):
    put(host, SCRIPTS + 'xen-network-common.sh', LIBRARY)
    put(host, SCRIPTS + 'linuxbridge/ovs-vlan-bridge', '#!/bin/sh\n%s\n' % line)
    assert network_setup.network_setup(host)['vlan_script'] == expected


def test_a_library_that_is_another_one(host):
    put(host, SCRIPTS + 'xen-network-common.sh', 'other () {\n}\n')
    put(host, SCRIPTS + 'linuxbridge/ovs-vlan-bridge', 'setup_bridge_port x\n')
    assert network_setup.network_setup(host)['vlan_script'] == 'unknown'


@pytest.mark.parametrize('text, expected', [
    ('NETWORKING=yes\n', 'on'), ('NOZEROCONF=yes\n', 'off'), ('NOZEROCONF=no\n', 'off'),
    ('NOZEROCONF=\n', 'on'), ('NOZEROCONF=""\n', 'on'), ('#NOZEROCONF=yes\n', 'on'),
    ('NOZEROCONF=yes\nNOZEROCONF=\n', 'on'), ('export NOZEROCONF=yes # no\n', 'off'),
    ('XNOZEROCONF=yes\n', 'on')])
def test_zeroconf(host, text, expected):
    put(host, '/etc/sysconfig/network', text)
    assert network_setup.network_setup(host)['zeroconf'] == expected


@pytest.mark.parametrize('text, expected', [
    ('[server]\nport=8899\n', 'linuxbridge'),
    ('[network]\nvirtualnetwork=openvswitch\n', 'openvswitch'),
    ('[network]\nvirtualnetwork = linuxbridge ; x\n', 'linuxbridge'),
    ('[network]\n;virtualnetwork=openvswitch\n', 'linuxbridge'),
    ('[network]\nvirtualnetwork=other\n', 'unknown'),
    ('[server]\nvirtualnetwork=openvswitch\n[network]\n', 'linuxbridge')])
def test_the_switch(host, text, expected):
    put(host, '/etc/ovs-agent/agent.ini', text)
    assert network_setup.network_setup(host)['switch'] == expected


def test_bonds(host):
    put(host, '/sys/class/net/bond0/bonding/mode', 'active-backup 1\n')
    put(host, '/sys/class/net/bond1/bonding/mode', 'balance-alb 6\n')
    put(host, '/sys/class/net/bond2/bonding/mode', 'another 9\n')
    put(host, '/etc/sysconfig/network-scripts/ifcfg-bond0', BOND0.replace('mode=1', 'mode=802.3ad'))
    put(host, '/etc/sysconfig/network-scripts/ifcfg-bond1', BOND1)
    assert network_setup.network_setup(host)['bonds'] == [
        {'bond': 'bond0', 'mode': 1, 'saved': 4}, {'bond': 'bond1', 'mode': 6, 'saved': 6},
        {'bond': 'bond2'}]


@pytest.mark.parametrize('text, saved', [
    (BOND0, 1), (BOND1, 6), ('BONDING_OPTS=mode=4\n', 4), ("BONDING_OPTS='miimon=1 mode=6'\n", 6),
    ('#BONDING_OPTS="mode=6"\n', None), ('BONDING_OPTS="mode=7"\n', None),
    ('BONDING_OPTS="xmode=6"\n', None), ('', None)])
def test_the_mode_of_the_next_boot(host, text, saved):
    put(host, '/sys/class/net/bond0/bonding/mode', 'active-backup 1\n')
    put(host, '/etc/sysconfig/network-scripts/ifcfg-bond0', text)
    [bond] = network_setup.network_setup(host)['bonds']
    assert bond.get('saved') == saved

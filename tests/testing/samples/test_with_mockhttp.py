"""Tests in the form of libcloud's own: conn_class, and a MockHttp with the answers."""

import unittest
import xmlrpc.client
from unittest import mock

from libcloud.common.types import InvalidCredsError

from libcloud_ovm3 import OVM3NodeDriver
from libcloud_ovm3.errors import AgentFault
from libcloud_ovm3.testing import SimulatedEstate
from libcloud_ovm3.testing.mockhttp import OVM3MockHttp, answer


class RefusingMockHttp(OVM3MockHttp):
    """Answers start_vm itself; all other calls go to the estate."""

    def _RPC2_start_vm(self, method, url, body, headers):
        return answer(xmlrpc.client.Fault(1, "exceptions.Exception:no device"))


class OVM3Tests(unittest.TestCase):
    def setUp(self):
        self.estate = SimulatedEstate(hosts=2, listen=False)
        self.addCleanup(self.estate.close)
        self.patch(OVM3MockHttp, "estate", self.estate)
        self.use(OVM3MockHttp)

    def use(self, mock_http):
        self.patch(OVM3NodeDriver.connectionCls, "conn_class", mock_http)
        self.driver = self.estate.driver()

    def patch(self, owner, name, value):
        patched = mock.patch.object(owner, name, value)
        patched.start()
        self.addCleanup(patched.stop)

    def test_list_nodes(self):
        names = sorted(node.name for node in self.driver.list_nodes())
        self.assertEqual(names, ["seed-1", "seed-2"])

    def test_wrong_password(self):
        with self.assertRaises(InvalidCredsError):
            self.estate.driver(secret="wrong").list_nodes()

    def test_start_is_refused(self):
        self.use(RefusingMockHttp)
        node_id = self.estate.add_vm("database")
        with self.assertRaisesRegex(AgentFault, "no device"):
            self.driver.start_node(self.driver.ex_get_node(node_id))
        self.assertEqual(self.estate.runs_on(node_id), [])

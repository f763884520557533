"""Salt's execution module and states ``libcloud_storage``, as docs/storage.md shows them.

Salt 3008 has them no longer, so `make test-salt` runs this file with older ones only.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import yaml

from libcloud_ovm3.estates_file.changing import add_estate
from libcloud_ovm3.simulator import Simulator
from tests.salt.salting import Salt, address
from tests.storage.stores import storage_for
from tests.support import pins_of

pytestmark = pytest.mark.salt

PAGE = (Path(__file__).parents[2] / "docs" / "storage.md").read_text(encoding="utf-8")
MINION, STATES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
[LINES] = re.findall(r"^```sh\n(salt-call.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_containers_and_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line of the page, then its states, twice."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    content = os.urandom(5000)
    Path("dump.sql").write_bytes(content)
    with Simulator(hosts=2, vms=0, host_module=True, speed=100) as sim:
        entry = {"hosts": [address(sim)], "pins": pins_of(sim), "second_look": 0}
        add_estate("lab", entry, sim.password, is_default=False)
        salt = Salt(tmp_path / "salt", {})
        configured = yaml.safe_load((salt.folder / "minion").read_text())
        salt.write("minion", {**configured, **yaml.safe_load(MINION)})
        answers = [salt.call(*line.split()[2:]) for line in LINES.splitlines()]
        names, made, sent, listed, fetched, deleted, gone = answers
        assert [one["name"] for one in names] == ["MyRepo"]
        assert (made["name"], sent, fetched, deleted, gone) == (
            *("backups", "db/monday.sql", True, True, True),
        )
        assert [(one["name"], one["size"]) for one in listed] == [("db/monday.sql", 5000)]
        assert Path("back.sql").read_bytes() == content
        assert [one.name for one in storage_for(sim).list_containers()] == ["MyRepo"]
        storage_for(sim).create_container("other")
        (sim.repository_path / "Templates" / "base.img").write_bytes(content)
        states = STATES + "absent:\n  libcloud_storage.container_absent:\n    - name: other\n"
        salt.write("states/files.sls", states + "    - profile: lab\n")
        for comment in ("Created new container", "Container already exists"):
            results = {one["name"]: one for one in salt.call("state.apply", "files").values()}
            assert [one["result"] for one in results.values()] == [True] * 3, results
            assert results["backups"]["comment"] == comment
        assert Path("base.img").read_bytes() == content
        assert [one.name for one in storage_for(sim).list_containers()] == ["MyRepo", "backups"]

"""The page in a real browser: `make test-report` installs what this needs, and fails without it."""

from __future__ import annotations

import base64
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from libcloud_ovm3.errors import shown
from tests.cli.running import address, on
from tests.support import simulate

pytestmark = pytest.mark.browser

WIDTHS = (360, 1280)
EVIL = [
    "<script>window.evil = 1</script>",
    '<img src=x onerror="window.evil = 2">',
    "</style></title></table><h1>evil</h1>",
    "a &amp; b & \"double\" 'single' `tick`",
    "x" * 200,
    "two words " * 20 + "end",
    "line\nbreak\tand tab",
    "\u202egnp.exe",
    "אבג abc دهو",
    "漢字" * 60,
]


@dataclass(frozen=True)
class Made:
    """A page, and what must be on it."""

    file: Path
    names: frozenset[str]
    running: int
    silent: str  # address of the host that does not answer


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The page of 3 hosts, of which one does not answer, and 40 VMs."""
    file = tmp_path_factory.mktemp("report") / "estate.html"
    names = [*EVIL, *(f"app-{number:02}" for number in range(30))]
    with simulate(hosts=3, vms=0, secondary_mount=True, memory_mb=65536) as sim:
        sim.add_repository("<b>vault</b> " + "y" * 120, hosts=[0, 1])
        for number, name in enumerate(names):
            sim.add_vm(name, running_on=number % 2 if number % 3 else None)
        sim.hosts[2].kill()
        done = on(sim, "report", str(file))
        assert done.exit_code == 1, done.stderr
        running = len(sim.domains(0)) + len(sim.domains(1))
        return Made(file, frozenset(map(shown, names)), running, address(sim, 2))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from selenium import webdriver  # only installed for this

    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    options.add_argument("--headless=new")
    options.add_argument("--disable-dev-shm-usage")
    if os.geteuid() == 0:  # its sandbox refuses root
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
    yield driver
    driver.quit()


def show(browser: Any, made: Made, width: int, scheme: str = "light", media: str = "") -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    wish = {"media": media, "features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", wish)
    browser.get(made.file.as_uri())


@pytest.mark.parametrize("width", WIDTHS)
def test_it_renders(browser: Any, made: Made, width: int) -> None:
    show(browser, made, width)
    for name in ("Hosts", "Repositories", "VMs", "Could not be read", "What needs attention"):
        [heading] = browser.find_elements("xpath", f"//h2[.='{name}']")
        assert heading.is_displayed()
    assert len(browser.find_elements("css selector", ".vms tbody tr")) == len(made.names) == 40
    states = [one.text for one in browser.find_elements("css selector", ".vms .state")]
    assert states.count("running") == made.running > 0
    assert states.count("unknown") == 40 - made.running
    assert made.silent in browser.find_element("css selector", "section ul").text
    for bar in browser.find_elements("css selector", ".bar"):
        assert bar.rect["width"] > 50
        assert bar.rect["height"] > 3
    assert browser.get_log("browser") == []
    assert browser.execute_script("return performance.getEntriesByType('resource')") == []


# What a narrow screen shows beside each value instead is hidden, for screen readers only.
OVERFLOWING = """
const found = [], room = document.documentElement.clientWidth;
const isSeen = one => !one.closest(arguments[0] ? "thead" : "none");
for (const one of document.body.querySelectorAll("*")) {
    const box = one.getBoundingClientRect();
    if (isSeen(one) && (box.left < -0.5 || box.right > room + 0.5))
        found.push(["beyond the window", one.tagName, one.textContent.slice(0, 60)]);
    if (isSeen(one) && getComputedStyle(one).overflowX !== "visible" && !one.closest("svg"))
        found.push(["may be cut", one.tagName, one.textContent.slice(0, 60)]);
}
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
    const text = texts.currentNode, range = document.createRange();
    const holder = text.parentElement.closest("td, th, li, dd, dt, h1, h2, p");
    if (!text.data.trim() || !holder || !isSeen(holder)) continue;
    range.selectNodeContents(text);
    if (/^\\S{1,11}$/.test(text.data.trim()) && range.getClientRects().length > 1)
        found.push(["a broken word", holder.tagName, text.data]);
    const box = holder.getBoundingClientRect();
    for (const line of range.getClientRects())
        if (line.left < box.left - 0.5 || line.right > box.right + 0.5
            || line.top < box.top - 3 || line.bottom > box.bottom + 3)
            found.push(["beyond its place", holder.tagName, text.data.slice(0, 60)]);
}
return found;
"""


@pytest.mark.parametrize("width", [320, *WIDTHS, 700, 1025, 2000])
def test_nothing_overflows(browser: Any, made: Made, width: int) -> None:
    show(browser, made, width)
    widths = "const e = document.documentElement; return [e.scrollWidth, e.clientWidth]"
    needed, there = browser.execute_script(widths)
    assert needed <= there <= width
    is_narrow = browser.execute_script("return matchMedia('(max-width: 64rem)').matches")
    assert is_narrow == (width < 1025)
    assert browser.execute_script(OVERFLOWING, is_narrow) == []


def test_an_overflow_would_be_found(browser: Any, made: Made) -> None:
    """The test above sees something."""
    show(browser, made, 1280)
    for style, what in (
        (".vms { width: 1400px !important }", "beyond the window"),
        (".vms td, .vms th { overflow: hidden }", "may be cut"),
        (".vms * { overflow-wrap: normal; white-space: nowrap }", "beyond its place"),
        (".vms .state { display: block; width: 2rem; white-space: normal }", "a broken word"),
    ):
        browser.execute_script(
            "const s = document.createElement('style'); s.id = 'more';"
            "s.textContent = arguments[0]; document.head.append(s)",
            style,
        )
        found = browser.execute_script(OVERFLOWING, False)
        assert what in {one[0] for one in found}
        browser.execute_script("document.getElementById('more').remove()")


def test_names_stay_text(browser: Any, made: Made) -> None:
    show(browser, made, 1280)
    names = "return Array.from(document.querySelectorAll('.vms th bdi'), one => one.textContent)"
    assert set(browser.execute_script(names)) == made.names
    made_of_names = "script, img, b, h1 ~ h1, body > h1"
    assert browser.find_elements("css selector", made_of_names) == []
    assert browser.execute_script("return window.evil") is None
    assert browser.title.startswith("Estate 127.")
    assert "<b>vault</b>" in browser.find_element("css selector", ".repositories").text


CONTRASTS = """
const part = value => { value /= 255;
    return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4; };
const light = colour => { const [r, g, b] = colour.match(/[\\d.]+/g).map(Number);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b); };
const behind = one => { const colour = getComputedStyle(one).backgroundColor;
    const isClear = colour === "rgba(0, 0, 0, 0)" && one.parentElement;
    return isClear ? behind(one.parentElement) : colour; };
let least = 21;
for (const one of document.body.querySelectorAll("*")) {
    if (!Array.from(one.childNodes).some(node => node.nodeType === 3 && node.data.trim())) continue;
    const [a, b] = [light(getComputedStyle(one).color), light(behind(one))];
    least = Math.min(least, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
}
return [least, getComputedStyle(document.body).backgroundColor];
"""


def test_both_schemes_can_be_read(browser: Any, made: Made) -> None:
    """With the contrast that WCAG 2 wants for text (level AA)."""
    grounds = {}
    for scheme in ("light", "dark"):
        show(browser, made, 1280, scheme)
        least, grounds[scheme] = browser.execute_script(CONTRASTS)
        assert least >= 4.5, scheme
    assert grounds["light"] != grounds["dark"]


def test_print(browser: Any, made: Made, tmp_path: Path) -> None:
    """Every VM is on paper, its name and its id on one page; without colours and backgrounds."""
    show(browser, made, 688, "dark", "print")  # A4 without the margins
    assert browser.execute_script(OVERFLOWING, False) == []
    style = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
    assert browser.execute_script(style, "body", "color") == "rgb(0, 0, 0)"
    assert browser.execute_script(style, ".bar .track", "stroke") == "rgb(0, 0, 0)"
    assert browser.execute_script(style, ".bar .fill", "fill") == "rgb(68, 68, 68)"
    assert browser.execute_script(style, ".vms tbody tr", "breakInside") == "avoid"
    rows = browser.execute_script(
        "return Array.from(document.querySelectorAll('.vms th[scope=row]'),"
        " th => [th.querySelector('bdi').textContent, th.querySelector('.id').textContent])"
    )
    paper = {"paperWidth": 8.27, "paperHeight": 11.69, "printBackground": False}
    pdf = tmp_path / "page.pdf"
    pdf.write_bytes(base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", paper)["data"]))
    done = subprocess.run(["pdftotext", str(pdf), "-"], capture_output=True, check=True, timeout=60)
    pages = [re.sub(r"\s", "", text) for text in done.stdout.decode().split("\f")]
    for name, vm_id in rows:
        is_plain = name.startswith("app-")  # others are broken over lines, or have other glyphs
        assert any(vm_id in page and (name in page or not is_plain) for page in pages), name
    assert len(rows) == 40

"""The page in a browser: it runs nothing, fits, and can be read."""

import re
from pathlib import Path

import pytest
from reported import CHROMIUM, DRIVER, HOSTILE, context, everywhere, page_of


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    webdriver = pytest.importorskip("selenium.webdriver")
    if not (CHROMIUM.exists() and DRIVER.exists()):
        pytest.skip(f"needs {CHROMIUM} and {DRIVER} (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    profile = tmp_path_factory.mktemp("profile")
    for flag in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--disable-dev-shm-usage", f"--user-data-dir={profile}",
    ):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.set_capability("unhandledPromptBehavior", "ignore")
    service = webdriver.chrome.service.Service(str(DRIVER))
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


def opened(browser, file: Path, width: int = 1200, scheme: str = "light") -> None:
    """Open a page from disk with every fold open, at a width and in light or dark."""
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(file.as_uri())
    browser.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    file = folder / "report.html"
    values = everywhere(context(), " ".join(HOSTILE))
    file.write_text(page_of(values, folder / "figures"), encoding="utf-8")
    return file


def test_a_browser_runs_none_of_it(browser, on_disk):
    from selenium.common.exceptions import NoAlertPresentException

    opened(browser, on_disk)
    assert browser.get_log("browser") == []
    with pytest.raises(NoAlertPresentException):
        browser.switch_to.alert.dismiss()
    text = browser.find_element("tag name", "body").text
    assert "<script>alert(1)</script>" in text and "{{7*7}}" in text
    assert browser.execute_script("return document.scripts.length") == 0
    assert browser.execute_script("return document.querySelectorAll('img').length") == 0
    assert browser.execute_script("return document.styleSheets.length") == 1


@pytest.mark.parametrize("width", [360, 768, 1200])
@pytest.mark.parametrize("kind", ["hostile", "usual"])
def test_the_page_never_scrolls_sideways(browser, on_disk, page, tmp_path, width, kind):
    file = on_disk
    if kind == "usual":
        file = tmp_path / "usual.html"
        file.write_text(page, encoding="utf-8")
    opened(browser, file, width)
    measured = "return [document.documentElement.scrollWidth, window.innerWidth]"
    page_width, window_width = browser.execute_script(measured)
    assert page_width <= window_width == width


def _luminance(colour: str) -> float:
    """Relative luminance of `rgb(r, g, b)` (WCAG 2)."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_schemes_are_legible(browser, page, tmp_path, scheme):
    file = tmp_path / "report.html"
    file.write_text(page, encoding="utf-8")
    opened(browser, file, scheme=scheme)
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = _luminance(browser.execute_script(f"return {ground}")) < 0.2
    assert dark == (scheme == "dark")
    shown = browser.execute_script(
        """
        const wanted = 'h1, p, a, summary, .muted, .badge, mark, th, td, pre, figcaption, svg text'
        return [...document.querySelectorAll(wanted)].map(element => {
            let behind = element
            while (getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)')
                behind = behind.parentElement
            const style = getComputedStyle(element)
            const svg = element.namespaceURI.endsWith('svg')
            return [element.tagName + '.' + element.getAttribute('class'),
                    svg ? style.fill : style.color, getComputedStyle(behind).backgroundColor]
        })
        """
    )
    pale = {name for name, colour, behind in shown if contrast(colour, behind) < 4.5}
    assert len(shown) > 100 and not pale


def test_bars_are_as_long_as_their_rates(browser, page, tmp_path):
    file = tmp_path / "report.html"
    file.write_text(page, encoding="utf-8")
    opened(browser, file)
    share = browser.execute_script(
        """
        const bar = document.querySelector('.bar-intervention').getBoundingClientRect()
        return bar.width / document.querySelector('.track').getBoundingClientRect().width
        """
    )
    assert share == pytest.approx(0.31, abs=0.005)

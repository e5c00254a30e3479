"""The catalogue in a browser: search, sorting, comparison, no word on the console, and an accessibility check."""

from __future__ import annotations

import json
import shutil
from importlib import util
from pathlib import Path

import pytest
from tests.catalogue.conftest import HOSTILE

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs Debian's chromium and chromium-driver")

# Of axe-core: what its rules for WCAG 2.1, levels A and AA, find.
AXE = "return axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']}).then(r => JSON.stringify(r.violations))"


@pytest.fixture(scope="module")
def browser():
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def look(browser):
    """Opens a page at a width, in light or dark: ``look(page, 400, "dark")``. No page may put a word on the console."""

    def open_page(page: Path, width: int = 1200, scheme: str = "light", fragment: str = ""):
        feature = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": feature})
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get("about:blank")  # or else another fragment of the same page is no new page
        browser.get(page.as_uri() + fragment)
        wait_for(browser, "return location.protocol === 'file:' && document.readyState === 'complete'")
        return browser

    yield open_page
    assert browser.get_log("browser") == []


def wait_for(browser, condition: str) -> None:
    from selenium.webdriver.support.wait import WebDriverWait

    WebDriverWait(browser, 30).until(lambda driver: driver.execute_script(condition))


def shown(browser):
    return [
        row.get_attribute("data-id") for row in browser.find_elements("css selector", "tbody tr") if row.is_displayed()
    ]


def sorted_by(browser, key):
    browser.find_element("css selector", f"[data-sort={key}]").click()
    return shown(browser)


@pytest.fixture
def three(example):
    """Three models with scores of their own; the third has none."""
    index, sidecar = (json.loads((example / n).read_text()) for n in ("registry.json", "fr_regressor_v1.json"))
    [row] = index["models"]
    for name, score in (("alpha_v1", 0.5), ("beta_v1", None)):
        index["models"].append({**row, "id": name, "onnx": f"{name}.onnx", "kind": "nr"})
        sidecar["evaluation"]["summary"]["plcc"]["mean"] = score
        summary = sidecar["evaluation"]["summary"] if score else {}
        (example / f"{name}.json").write_text(json.dumps(sidecar | {"id": name, "evaluation": {"summary": summary}}))
        shutil.copy(example / "fr_regressor_v1.onnx", example / f"{name}.onnx")
    (example / "registry.json").write_text(json.dumps(index))
    return example


def test_searching_filtering_and_sorting(look, make_site, three):
    browser = look(make_site(three) / "index.html")
    everything = ["alpha_v1", "beta_v1", "fr_regressor_v1"]
    assert shown(browser) == everything
    assert sorted_by(browser, "score") == ["fr_regressor_v1", "alpha_v1", "beta_v1"]
    assert sorted_by(browser, "score") == ["alpha_v1", "fr_regressor_v1", "beta_v1"]
    assert sorted_by(browser, "id") == everything
    assert browser.find_element("css selector", "th[aria-sort]").text.strip() == "Model"
    search = browser.find_element("id", "search")
    search.send_keys("BETA")
    assert shown(browser) == ["beta_v1"]
    assert browser.find_element("id", "count").text == "1 of 3 models"
    search.clear()
    search.send_keys("\b")
    browser.find_element("css selector", "[data-filter=kind]").send_keys("nr")
    assert shown(browser) == ["alpha_v1", "beta_v1"]


def test_by_keyboard_alone(look, make_site, three):
    from selenium.webdriver.common.keys import Keys

    browser = look(make_site(three) / "index.html")
    browser.find_element("css selector", "body").send_keys(Keys.TAB)
    assert browser.switch_to.active_element.text == "To the content"
    reached = []
    for _ in range(30):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        reached.append(browser.switch_to.active_element.text)
    assert {"Compare", "Score", "beta_v1"} <= set(reached)
    browser.find_element("link text", "beta_v1").send_keys(Keys.ENTER)
    assert browser.find_element("css selector", "h1").text == "beta_v1"


def test_comparing_two_models_from_the_address(look, make_site, three):
    browser = look(make_site(three) / "compare.html", fragment="#alpha_v1,fr_regressor_v1")
    wait_for(browser, "return document.querySelector('#comparison tr') !== null")
    lines = [row.text for row in browser.find_elements("css selector", "#comparison tr")]
    assert lines[0] == "alpha_v1 fr_regressor_v1"
    assert "mean PLCC 0.5000 0.9954" in lines
    heads = [line.rsplit(" ", 2)[0] for line in lines[1:]]
    assert heads.index("state") < heads.index("bytes") < heads.index("mean PLCC") < heads.index("mean RMSE")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1200])
def test_every_page_is_accessible_and_fits_its_window(look, make_site, hostile, scheme, width):
    site = make_site(hostile)
    for page in sorted(site.rglob("*.html")):
        browser = look(page, width, scheme)
        assert flaws(browser) == [], page
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width, page


def flaws(browser) -> list[tuple[str, str]]:
    """What axe-core finds of the page as it stands."""
    browser.execute_script(
        Path(util.find_spec("axe_core_python").submodule_search_locations[0], "axe.min.js").read_text()
    )
    return [(v["id"], v["nodes"][0]["html"][:200]) for v in json.loads(browser.execute_script(AXE))]


@pytest.mark.parametrize("width", [400, 1200])
def test_names_that_are_made_to_break_a_page_are_compared_as_they_are(look, make_site, hostile, width):
    from selenium.webdriver.support.ui import Select

    browser = look(make_site(hostile) / "compare.html", width)
    names = sorted(HOSTILE.values())
    for three in (names[:3], names[3:]):
        for select, name in zip(browser.find_elements("css selector", "[data-choice]"), three, strict=True):
            option = next(each for each in Select(select).options if each.get_attribute("textContent") == name)
            browser.execute_script("arguments[0].selected = true", option)
            browser.execute_script("arguments[0].dispatchEvent(new Event('change'))", select)
        heads = browser.find_elements("css selector", "#comparison thead th")
        assert [head.get_attribute("textContent") for head in heads] == three
        assert flaws(browser) == []
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width


def test_no_script_runs_but_that_of_the_pages(look, make_site, example):
    browser = look(make_site(example) / "index.html")
    added = "const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s);"
    assert browser.execute_script(f"{added} return window.ran") is None
    [refused] = browser.get_log("browser")
    assert "Content Security Policy" in refused["message"]


def test_the_real_registry(look, make_site):
    real = Path(__file__).parents[3] / "shared" / "real-registry"
    if not real.is_dir():
        pytest.skip("the real registry is not beside the checkout")
    site = make_site(real)
    assert len(shown(look(site / "index.html"))) == 10
    for page in sorted(site.rglob("index.html")):
        look(page)

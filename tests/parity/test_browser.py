"""The page in a real browser: what a person sees, clicks and filters."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from playwright.sync_api import Error as BrowserError

from codemods.parity.report import to_html
from tests.parity.reports import BAD, HOSTILE_TEST, LISTED, make

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The machine's own Chromium, else playwright's."""
    installed = next((path for name in NAMES if (path := shutil.which(name))), None)
    with sync_playwright() as playwright:
        try:
            # Tests run as root in containers, where Chromium has no sandbox.
            started = playwright.chromium.launch(executable_path=installed, args=["--no-sandbox"])
        except BrowserError as error:
            if installed is None:
                pytest.skip("there is no Chromium on this machine, and playwright has not downloaded its own")
            raise AssertionError(f"{installed} does not start: {error}") from error
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """The report, opened from disk; an error in its script or a request for anything else fails the test."""
    file = tmp_path / "parity.html"
    file.write_text(to_html(make()), encoding="utf-8")
    page = browser.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: faults.append(request.url) if request.url != file.as_uri() else None)
    page.goto(file.as_uri())
    yield page
    assert faults == []
    page.close()


def cell(page: Page, test: str):  # type: ignore[no-untyped-def]
    return page.locator(".cell").and_(page.get_by_label(f"{test}: ", exact=False))


def test_the_map_has_a_cell_for_each_test_in_the_colour_of_its_verdict(page: Page) -> None:
    expect(page.locator(".cell")).to_have_count(10)
    expect(page.locator(".cell.v-upstream-only")).to_have_count(3)
    expect(page.locator(".cell.flaky")).to_have_count(1)
    colours = page.locator(".cell").evaluate_all("all => all.map(one => getComputedStyle(one).backgroundColor)")
    assert "rgba(0, 0, 0, 0)" not in colours
    assert len(set(colours)) == 7
    expect(page.locator("#count")).to_have_text("10 of 10 tests")


def test_filters_by_verdict_and_by_words_leave_what_matches(page: Page) -> None:
    visible = page.locator(".cell:visible")
    page.get_by_role("checkbox", name="passes both").uncheck()
    expect(visible).to_have_count(8)
    page.get_by_role("searchbox").fill("NEVER awaited")
    expect(visible).to_have_count(1)
    expect(page.locator("#count")).to_have_text("1 of 10 tests")
    expect(page.locator(".module:visible")).to_have_text(["tests/predict/test_react.py"])
    page.get_by_role("searchbox").fill("")
    page.get_by_role("checkbox", name="passes both").check()
    page.get_by_role("checkbox", name="flaky only").check()
    expect(visible).to_have_count(1)


def test_both_sides_of_a_test_are_shown_beside_each_other(page: Page) -> None:
    expect(page.locator("#detail")).to_be_hidden()
    cell(page, BAD).click()
    expect(page.locator("#detail-id")).to_have_text(BAD)
    expect(page.locator("#upstream-status")).to_contain_text("passed")
    expect(page.locator("#async-status")).to_contain_text("failed")
    expect(page.locator("#async-text")).to_have_text("the async traceback")
    left, right = (page.locator(f"#{side}-text").bounding_box() for side in ("upstream", "async"))
    assert left is not None and right is not None
    assert left["x"] + left["width"] <= right["x"]
    cell(page, "tests/test_b.py::test_mended").click()
    expect(page.locator("#upstream-text")).to_have_text("upstream's text")
    page.keyboard.press("Escape")
    expect(page.locator("#detail")).to_be_hidden()


def test_causes_and_the_ledger_lead_to_their_tests(page: Page) -> None:
    row = page.get_by_role("row").filter(has_text="TypeError: never awaited")
    row.locator("summary", has_text="dspy/predict/react.py:12").click()
    page.get_by_role("button", name=BAD, exact=True).click()
    expect(page.locator("#detail-id")).to_have_text(BAD)
    page.get_by_role("button", name=LISTED, exact=True).last.click()
    expect(page.locator("#detail-verdict")).to_contain_text("in the ledger")
    expect(page.locator("#detail")).to_be_in_viewport(ratio=1)


def test_names_and_errors_are_text_and_nothing_else(page: Page) -> None:
    cell(page, HOSTILE_TEST).click()
    expect(page.locator("#detail-id")).to_have_text(HOSTILE_TEST)
    expect(page.locator("#async-text")).to_contain_text("window.broken = true")
    assert page.evaluate("window.broken") is None

"""The site in a real browser: it opens from disk without a word of complaint, asks nobody for anything, and what is
painted is what the data says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

import numpy as np
import pytest

from bboxprep.images.draw.annotations import PALETTE
from bboxprep.verification.faults import Fault, Layer
from tests.invoked import run
from tests.painted import label
from tests.review.sites import BROKEN, FIXTURES, OUTSIDE, QUOTED, SCRIPT, VAN, hostile, loaded, prepared, site
from tests.review.surfing import Browser

pytestmark = pytest.mark.browser
BOX = (70.0, 40.0, 150.0, 200.0)
CORNERS = """
    const screen = (x, y, e) => { const p = new DOMPoint(x, y).matrixTransform(e.getScreenCTM()); return [p.x, p.y]; };
    return [...document.querySelectorAll(arguments[0])].map((e) => {
      const [x, y, w, h] = ['x', 'y', 'width', 'height'].map((name) => e[name].baseVal.value);
      return [...screen(x, y, e), ...screen(x + w, y + h, e)];
    });"""


@pytest.fixture(scope="module")
def nasty(sites: Path) -> Path:
    """A compared site of the hostile photos."""
    source = hostile(sites / "source")
    return site(prepared(source, sites / "out"), sites / "nasty", against=source)


@pytest.fixture(scope="module")
def patches(sites: Path) -> Path:
    """A compared site of painted photos in all orientations, labelled in the stored frame."""
    source = label(sites / "painted", "coco", "stored", (320, 240), BOX)
    return site(prepared(source, sites / "painted-out", to="yolo"), sites / "patches", against=source)


@pytest.fixture(autouse=True)
def quiet(browser: Browser) -> Iterator[None]:
    """No test may leave a complaint in the console, or have asked for anything that is not on this disk."""
    yield
    assert browser.complaints() == []
    assert [url for url in browser.requests() if not url.startswith(("file://", "data:", "about:"))] == []


def image(name: str, split: str = "train", query: str = "") -> str:
    return f"#image/{split}/{quote(name)}{query}"


def names(browser: Browser) -> list[str]:
    return browser.texts("#view-images .card .name")


def test_every_part_opens_from_disk_in_silence_and_asks_nobody(browser: Browser, nasty: Path) -> None:
    for place in ("", "#overview", "#images", image(BROKEN), image(QUOTED), image("IMG_2003.jpg", "val")):
        browser.open(nasty, place)
        assert browser.shown() == (place.strip("#").partition("/")[0] or "overview")
    assert {url.rpartition(".")[2] for url in browser.requests()} >= {"js", "jpg"}


def test_hostile_names_are_words_and_nothing_else(browser: Browser, nasty: Path) -> None:
    for place in ("#overview", "#images", image(QUOTED)):
        browser.open(nasty, place)
        browser.wait(lambda: browser.texts("main"))
        assert browser.driver.title == "out · review"
        assert browser.run("return document.querySelectorAll('main script, main b i').length") == 0
    browser.viewed(QUOTED)
    assert SCRIPT in browser.texts("#view-image .objects")[0]
    assert VAN in browser.texts("#view-image .objects")[0]
    browser.open(nasty, "#images")
    assert QUOTED in names(browser)
    assert SCRIPT in browser.run("return [...document.querySelector('[name=class]').options].map((o) => o.value)")


def test_the_worst_come_first(browser: Browser, nasty: Path) -> None:
    browser.open(nasty, "#images")
    assert names(browser)[:2] == [BROKEN, OUTSIDE]
    assert browser.texts("#view-images .badge.fault") == ["2 findings", "box-outside"]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", "12 images"),
        ("?split=val", "4 of 12 images"),
        ("?orientation=6", "3 of 12 images"),
        ("?finding=box-outside", "1 of 12 images"),
        ("?finding=any%20fault", "2 of 12 images"),
        ("?split=val&orientation=6", "1 of 12 images"),
        ("?q=img_200", "7 of 12 images"),
        (f"?class={quote(VAN)}&split=val", "4 of 12 images"),
        ("?class=nothing", "No image passes this filter."),
    ],
)
def test_a_link_sets_the_filter(query: str, count: str, browser: Browser, nasty: Path) -> None:
    browser.open(nasty, f"#images{query}")
    assert browser.texts("#view-images .count") == [count]
    assert len(names(browser)) == int(count.split()[0]) if count[0].isdigit() else names(browser) == []


def test_filters_are_chosen_by_hand_cleared_and_kept_in_the_address(browser: Browser, nasty: Path) -> None:
    browser.open(nasty, "#images")
    browser.driver.find_element("css selector", "[name=split]").send_keys("val")
    assert browser.texts(".count") == ["4 of 12 images"]
    browser.driver.find_element("css selector", "[name=orientation]").send_keys("EXIF 8")
    assert names(browser) == ["IMG_2009.png"]
    assert browser.driver.current_url.endswith("#images?split=val&orientation=8")
    browser.driver.find_element("css selector", "[data-clear]").click()
    browser.wait(lambda: browser.texts(".count") == ["12 images"])
    assert browser.run("return document.querySelector('.count').getAttribute('aria-live')") == "polite"


def test_findings_and_classes_of_the_overview_lead_to_their_images(browser: Browser, nasty: Path) -> None:
    browser.open(nasty)
    browser.driver.find_element("link text", "box-outside").click()
    browser.wait(lambda: names(browser) == [OUTSIDE])
    browser.open(nasty)
    browser.driver.find_element("link text", SCRIPT).click()
    browser.wait(lambda: browser.shown() == "images")
    assert browser.run("return document.querySelector('[name=class]').value") == SCRIPT


def test_keys_step_filter_help_and_go_back(browser: Browser, nasty: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.open(nasty, image("IMG_2003.jpg", "val", "?split=val"))
    browser.viewed("IMG_2003.jpg")
    for keys, name in (("j", "IMG_2007.jpg"), (Keys.ARROW_RIGHT, "IMG_2009.png"), ("k", "IMG_2007.jpg")):
        browser.press(keys)
        browser.viewed(name)
    browser.press(Keys.ARROW_LEFT + Keys.ARROW_LEFT)
    browser.viewed("IMG_2003.jpg")
    assert browser.texts(".where") == ["val · 1 of 4"]
    browser.press("?")
    assert browser.run("return document.getElementById('help').open")
    browser.press(Keys.ESCAPE)
    browser.wait(lambda: not browser.run("return document.getElementById('help').open"))
    browser.press(Keys.ESCAPE)
    browser.wait(lambda: browser.shown() == "images")
    assert browser.texts(":focus .name") == ["IMG_2003.jpg"]
    browser.press("/")
    browser.wait(lambda: browser.run("return document.activeElement.name") == "q")
    browser.press("2012")
    browser.wait(lambda: names(browser) == ["IMG_2012.jpg"])
    assert browser.texts(".count") == ["1 of 12 images"]
    browser.press(Keys.ESCAPE)
    browser.press("j")
    assert browser.run("return document.activeElement.className") == "card"
    browser.press(Keys.ENTER)
    browser.viewed("IMG_2012.jpg")
    assert browser.texts(":focus") == ["IMG_2012.jpg"]
    browser.press("o")
    browser.wait(lambda: browser.shown() == "overview")
    browser.press("/")
    browser.wait(lambda: browser.run("return document.activeElement.name") == "q")


def test_every_shape_of_the_data_is_in_the_document(browser: Browser, nasty: Path) -> None:
    (index,) = loaded(nasty, "index")
    _, cards = loaded(nasty, "0000")
    splits = ["train", "val"]
    for number, name in enumerate(index["name"]):
        if name == BROKEN:
            continue
        browser.open(nasty, image(name, splits[index["split"][number]]))
        browser.viewed(name)
        for place, side in enumerate(("before", "after")):
            said = cards[number][side]
            pane = f".pane:nth-child({place + 1})"
            assert browser.run(f"return document.querySelector('{pane} svg').getAttribute('viewBox')") == (
                f"0 0 {said['size'][0]} {said['size'][1]}"
            )
            assert boxes_in(browser, pane) == {
                row: pytest.approx(each["b"], abs=1e-6) for row, each in enumerate(said["objects"])
            }
            for kind, key in ((".ring", "r"), (".mask", "m")):
                found = browser.run("return document.querySelectorAll(arguments[0]).length", f"{pane} {kind}")
                assert found == sum(key in each for each in said["objects"])
            points = [state for each in said["objects"] for state in each.get("p", [])[2::3] if state]
            assert browser.run("return document.querySelectorAll(arguments[0]).length", f"{pane} .point") == len(points)


def boxes_in(browser: Browser, pane: str) -> dict[int, list[float]]:
    """The edges of each object's box as the document has them."""
    script = """
        return [...document.querySelectorAll(`${arguments[0]} g[data-object]`)].map((g) => {
          const box = g.querySelector('.box');
          const [x, y, w, h] = ['x', 'y', 'width', 'height'].map((name) => Number(box.getAttribute(name)));
          return [Number(g.dataset.object), x, y, x + w, y + h];
        });"""
    return {int(row): edges for row, *edges in browser.run(script, pane)}


@pytest.mark.parametrize("name", [f"jpg-{code}.jpg" for code in range(1, 9)])
def test_the_painted_box_lies_on_the_painted_thing(name: str, browser: Browser, patches: Path) -> None:
    browser.open(patches, image(name))
    browser.viewed(name)
    boxes = browser.run(CORNERS, ".panes .box")
    browser.press("bsn")
    screen = browser.pixels()
    stages = browser.run(
        "return [...document.querySelectorAll('.panes image')].map((e) => e.getBoundingClientRect())"
        ".map(({ left, top, width, height }) => [left, top, width, height])"
    )
    for (x0, y0, x1, y1), (left, top, width, height) in zip(boxes, stages, strict=True):
        inner = screen[round(top) + 2 : round(top + height) - 2, round(left) + 2 : round(left + width) - 2]
        rows, columns = np.nonzero(inner[..., 1] > 200)
        found = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], float)
        found += np.tile([round(left) + 2, round(top) + 2], 2)
        assert np.abs(found - (x0, y0, x1, y1)).max() <= 3.0  # screen px; a picture pixel is two to three of them


def test_the_edges_of_boxes_are_painted_in_the_colours_of_their_classes(browser: Browser, nasty: Path) -> None:
    browser.open(nasty, image("IMG_2009.png", "val"))
    browser.viewed("IMG_2009.png")
    browser.press("spn")
    screen = browser.pixels().astype(int)
    kinds = browser.run(
        "return [...document.querySelectorAll('.panes .box')].map((e) => Number(e.parentNode.classList[1][1]))"
    )
    corners = browser.run(CORNERS, ".panes .box")
    assert len(corners) == 4
    for (x0, y0, x1, y1), kind in zip(corners, kinds, strict=True):
        for x, y in ((x0, (y0 + y1) / 2), (x1, (y0 + y1) / 2), ((x0 + x1) / 2, y0), ((x0 + x1) / 2, y1)):
            around = screen[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2]
            assert np.abs(around - PALETTE[kind]).sum(axis=2).min() <= 3


def test_layers_can_be_put_away(browser: Browser, nasty: Path) -> None:
    browser.open(nasty, image("IMG_2006.jpg"))
    browser.viewed("IMG_2006.jpg")
    seen = "return getComputedStyle(document.querySelector(arguments[0])).display !== 'none'"
    for key, selector in (("b", ".box"), ("s", ".ring"), ("p", ".point"), ("n", ".chips")):
        assert browser.run(seen, f".panes {selector}")
        browser.press(key)
        assert not browser.run(seen, f".panes {selector}")
        browser.press(key)
        assert browser.run(seen, f".panes {selector}")


def test_zoom_shows_the_same_part_of_both_pictures(browser: Browser, nasty: Path) -> None:
    browser.open(nasty, image("IMG_2006.jpg"))
    browser.viewed("IMG_2006.jpg")
    views = (
        "return [...document.querySelectorAll('.panes svg')]"
        ".map((e) => e.getAttribute('viewBox').split(' ').map(Number))"
    )
    before = browser.run(views)
    browser.press("+")
    for whole, part in zip(before, browser.run(views), strict=True):
        assert part[2] / whole[2] == pytest.approx(1 / 1.5)
        assert part[0] / whole[2] == pytest.approx((1 - 1 / 1.5) / 2)
    browser.press("0")
    assert browser.run(views) == before


def test_names_stay_on_their_boxes(browser: Browser, nasty: Path) -> None:
    browser.open(nasty, image("IMG_2009.png", "val"))
    browser.viewed("IMG_2009.png")
    corners = browser.run(CORNERS, ".pane:last-child .box")
    chips = browser.run(
        "return [...document.querySelectorAll('.pane:last-child .chip')].map((e) => "
        "{ const b = e.getBoundingClientRect(); return [b.left, b.bottom, e.innerText]; })"
    )
    assert {words for _, _, words in chips} == {VAN, "traffic sign"}
    for left, bottom, _ in chips:
        assert min(abs(left - x0) + abs(bottom - y0) for x0, y0, *_ in corners) < 4


def test_it_is_named_for_those_who_do_not_see_it(browser: Browser, nasty: Path) -> None:
    browser.open(nasty, "#images")
    browser.wait(lambda: browser.run("return document.querySelectorAll('.card svg').length >= 11"))
    spoken = browser.run("return [...document.images].map((e) => e.alt)")
    assert all(spoken)
    assert {f"IMG_2009.png: 1 traffic sign, 1 {VAN}", f"IMG_2009.png: 1 {VAN}, 1 traffic sign"} & set(spoken)
    browser.open(nasty, image("IMG_2009.png", "val"))
    browser.viewed("IMG_2009.png")
    spoken = browser.run("return [...document.querySelectorAll('.panes svg')].map((e) => e.getAttribute('aria-label'))")
    assert [words.partition(":")[0] for words in spoken] == ["Before", "After"]
    landmarks = "return ['header', 'nav', 'main'].every((name) => document.querySelector(name))"
    assert browser.run(landmarks)
    assert browser.run("return document.documentElement.lang") == "en"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_light_and_dark(scheme: str, browser: Browser, nasty: Path) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    try:
        browser.open(nasty, "#overview")
        ground = browser.pixels()[500, 5].mean()
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert ground > 230 if scheme == "light" else ground < 40


def test_what_a_proof_found_is_seen_first(browser: Browser, sites: Path) -> None:
    source = FIXTURES / "phone-photos-coco"
    fault = Fault(Layer.PIXEL, "image-turned", "val/IMG_2012.jpg", "", "shows its source turned by 90 degrees")
    root = site(prepared(source, sites / "proved"), sites / "proven", against=source, faults=(fault,))
    browser.open(root, "#images")
    assert names(browser)[0] == "IMG_2012.jpg"
    assert browser.texts("#view-images .badge") == ["image-turned"]


def test_a_folder_that_was_moved_still_works(browser: Browser, sites: Path) -> None:
    root = site(FIXTURES / "stored-frame-yolo", sites / "here")
    (sites / "far away #1").mkdir()
    moved = root.rename(sites / "far away #1" / "there 100%")
    browser.open(moved, image("IMG_3003.jpg", "val"))
    browser.viewed("IMG_3003.jpg")
    assert len(browser.run("return [...document.querySelectorAll('.pane')]")) == 1


def test_twenty_thousand_images_open_at_once(browser: Browser, sites: Path) -> None:
    from bboxprep.model.categories import Category
    from bboxprep.review.build import write_page
    from bboxprep.review.data_scripts import DataScripts
    from bboxprep.review.page import Subject
    from bboxprep.review.statistics import Statistics
    from tests.review.test_statistics import card

    root, counted = sites / "many", Statistics()
    shelf, corners = DataScripts(root), np.array([[1.0, 1.0, 5.0, 4.0]])
    for number in range(20_000):
        made = card("train" if number % 5 else "val", corners=corners, name=f"photo_{number:06d}.jpg")
        counted.add(made)
        shelf.add(made)
    write_page(root, Subject("many", "yolo", [Category("thing")], None, compared=False), counted, shelf)
    browser.open(root, "#images")
    assert browser.texts(".count") == ["20,000 images, 1 to 60 shown"]
    assert browser.run("return performance.getEntriesByType('navigation')[0].loadEventEnd") < 5000
    assert len(names(browser)) == 60
    assert (
        browser.run(
            "const t = performance.now(); Review.select({q: '19', class: 'thing'}); return performance.now() - t"
        )
        < 500
    )
    browser.open(root, "#images?q=photo_01999&page=1")
    assert browser.texts(".count") == ["10 of 20,000 images"]
    assert len([url for url in browser.requests() if "/data/" in url]) < 20


def test_several_classes_are_chosen_in_the_legend(browser: Browser, nasty: Path) -> None:
    browser.open(nasty, "#images")
    buttons = {
        words: f"document.querySelectorAll('.legend button')[{n}]"
        for n, words in enumerate(browser.texts(".legend button"))
    }
    assert set(buttons) == {SCRIPT, VAN, "traffic sign"}
    browser.run(f"{buttons[VAN]}.click()")
    one = browser.wait(lambda: names(browser))
    browser.run(f"{buttons['traffic sign']}.click()")
    both = browser.wait(lambda: list(names(browser)) if len(names(browser)) > len(one) else None)
    assert set(one) < set(both)
    assert browser.run("return document.querySelector('[name=class]').selectedOptions[0].innerText") == "2 classes"
    browser.driver.find_element("css selector", "[name=split]").send_keys("val")
    assert set(names(browser)) < set(both)
    pressed = "return [...document.querySelectorAll('.legend [aria-pressed=true]')].map((e) => e.dataset.class)"
    assert set(browser.run(pressed)) == {VAN, "traffic sign"}
    browser.run(f"{buttons[VAN]}.click()")
    browser.run(f"{buttons['traffic sign']}.click()")
    assert browser.texts(".count") == ["4 of 12 images"]


@pytest.mark.parametrize("order", ["name", "most", "fewest"])
def test_images_are_sorted_and_stepped_through_in_that_order(order: str, browser: Browser, nasty: Path) -> None:
    (index,) = loaded(nasty, "index")
    count = dict(zip(index["name"], index["objects"], strict=True))
    browser.open(nasty, f"#images?sort={order}")
    shown = names(browser)
    if order == "name":
        assert shown == browser.run("return arguments[0].sort((a, b) => a.localeCompare(b))", index["name"])
    else:
        assert [count[name] for name in shown] == sorted(count.values(), reverse=order == "most")
    browser.driver.find_element("css selector", "a.card").click()
    browser.wait(lambda: browser.shown() == "image")
    browser.press("j")
    browser.wait(lambda: browser.texts("#view-image h1") == [shown[1]])


def test_thumbnails_are_as_large_as_asked(browser: Browser, nasty: Path) -> None:
    browser.open(nasty, "#images")
    width = "return document.querySelector('.card').getBoundingClientRect().width"
    before = browser.run(width)
    browser.run(
        "const e = document.querySelector('[name=size]'); e.value = 480;"
        "e.dispatchEvent(new Event('input', { bubbles: true }))"
    )
    assert browser.run(width) > 1.4 * before


def test_what_is_selected_is_a_list_that_convert_takes(browser: Browser, nasty: Path, tmp_path: Path) -> None:
    browser.open(nasty, "#images?split=val")
    seen = "return getComputedStyle(document.querySelector('.selection a')).display !== 'none'"
    assert not browser.run(seen)
    browser.run("document.querySelectorAll('.pick')[1].click()")
    first = browser.run("return Review.selection.text()")
    assert first == f"val/{names(browser)[1]}\n"
    browser.run("document.querySelector('.selection button').click()")
    assert browser.texts(".selection span") == ["4 images selected"]
    link = browser.run("return document.querySelector('.selection a').href")
    listed = unquote(link.partition(",")[2])
    assert sorted(listed.split()) == sorted(f"val/{name}" for name in names(browser))
    assert browser.run(seen)
    browser.open(nasty, image("IMG_2003.jpg", "val"))
    browser.viewed("IMG_2003.jpg")
    browser.press("x")
    (tmp_path / "images.txt").write_text(browser.run("return Review.selection.text()") + listed, encoding="utf-8")
    source = nasty.parent / "source"
    result = run("convert", source, tmp_path / "out", "--to", "yolo", "--only-images", tmp_path / "images.txt")
    assert len(list((tmp_path / "out" / "images").rglob("*.*"))) == 4, result.output


@pytest.mark.parametrize("order", ["small", "large", "flat"])
def test_objects_are_cut_out_and_sorted(order: str, browser: Browser, nasty: Path) -> None:
    _, cards = loaded(nasty, "0000")
    boxes = [
        each["b"]
        for card in cards
        if (card["after"] or card["before"] or {}).get("view")
        for each in (card["after"] or card["before"])["objects"]
    ]
    sizes = sorted(((x1 - x0) * (y1 - y0)) ** 0.5 for x0, y0, x1, y1 in boxes)
    browser.open(nasty, f"#images?show=objects&sort={order}")
    browser.wait(lambda: "objects in" in browser.texts(".count")[0])
    shown = browser.run(
        "return [...document.querySelectorAll('.cards svg')].map((svg) => { const box = svg.querySelector('.box');"
        "const v = svg.viewBox.baseVal; return [v.x, v.y, v.x + v.width, v.y + v.height,"
        "...['x', 'y', 'width', 'height'].map((name) => box[name].baseVal.value)]; })"
    )
    assert len(shown) == len(boxes)
    for left, top, right, bottom, x, y, width, height in shown:
        assert left < x
        assert top < y
        assert right > x + width
        assert bottom > y + height
    own = [(width * height) ** 0.5 for *_, width, height in shown]
    if order == "flat":
        stretch = [abs(np.log(width / height)) for *_, width, height in shown]
        assert stretch == sorted(stretch, reverse=True)
    else:
        assert own == pytest.approx(sizes if order == "small" else sizes[::-1], abs=1e-3)
    browser.driver.find_element("css selector", "a.card").click()
    browser.wait(lambda: browser.shown() == "image")

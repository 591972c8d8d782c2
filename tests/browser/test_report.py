"""The report, used as people use it: by pointer, by keyboard, on a narrow screen, in the dark."""

from __future__ import annotations

import random
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from archspec import api
from tests.browser.conftest import Open

pytestmark = pytest.mark.browser


def box(page: Page, path: str) -> Any:
    """The box of a node or block in the diagram."""
    return page.locator(f"#picture .box[data-item='{number(page, path)}']")


def row(page: Page, path: str) -> Any:
    return page.locator(f"#table tr[data-item='{number(page, path)}']")


def number(page: Page, path: str) -> int:
    return page.evaluate(
        "path => JSON.parse(document.getElementById('data').textContent).items.findIndex(item => item.path === path)",
        path,
    )


def press(page: Page, locator: Any) -> None:
    """A click on the heading of an open block, or on a box, wherever the picture has it."""
    locator.locator(":scope > text").first.click()


def paths(page: Page) -> list[str]:
    """The rows of the table, in order."""
    return page.evaluate(
        """() => { const items = JSON.parse(document.getElementById('data').textContent).items;
        return [...document.querySelectorAll('#table tbody tr')].map(row => items[row.dataset.item].path) }"""
    )


# The diagram


def test_a_click_opens_a_block_and_another_closes_it(open_report: Open) -> None:
    page = open_report("resnet50")
    block = box(page, "layer1.0")
    expect(block).to_have_attribute("aria-expanded", "false")
    expect(box(page, "layer1.0.conv2")).to_have_count(0)
    before = block.bounding_box()
    press(page, block)
    expect(block).to_have_attribute("aria-expanded", "true")
    expect(box(page, "layer1.0.conv2")).to_be_visible()
    after = block.locator(":scope > rect.face").bounding_box()
    assert abs(after["y"] - before["y"]) < 8  # it stays under the pointer
    press(page, block)
    expect(box(page, "layer1.0.conv2")).to_have_count(0)


def test_blocks_open_independently_of_each_other(open_report: Open) -> None:
    page = open_report("googlenet", height=2000)
    for path in ("inception3a", "inception3b"):
        press(page, box(page, path))
    for path in ("inception3a.cat", "inception3b.cat"):
        expect(box(page, path)).to_have_count(1)


def test_all_open_and_all_closed(open_report: Open) -> None:
    page = open_report("googlenet")
    page.get_by_role("button", name="Open all").click()
    expect(page.locator("#picture .box[aria-expanded='false']")).to_have_count(0)
    expect(box(page, "inception5b.branch3.1.conv")).to_have_count(1)
    page.get_by_role("button", name="Close all").click()
    expect(page.locator("#picture .box[aria-expanded='true']")).to_have_count(0)


GEOMETRY = """() => {
  const faces = [...document.querySelectorAll('#picture .box > rect.face')];
  const dots = [...document.querySelectorAll('#picture circle')].map(dot => dot.getBoundingClientRect());
  const places = faces.map(face => face.getBoundingClientRect());
  const wrong = [];
  const around = face => face.closest('.box').parentNode.closest('.box');
  faces.forEach((face, i) => {
    const a = places[i];
    const outer = around(face)?.querySelector(':scope > rect.face').getBoundingClientRect();
    if (outer && (a.left < outer.left || a.right > outer.right || a.top < outer.top || a.bottom > outer.bottom))
      wrong.push(`${face.parentNode.textContent.slice(0, 40)} is not in its block`);
    faces.forEach((other, j) => {
      const b = places[j];
      if (j > i && around(face) === around(other)
          && a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)
        wrong.push(`${face.parentNode.textContent.slice(0, 30)} is over ${other.parentNode.textContent.slice(0, 30)}`);
    });
  });
  const gap = (p, r) => Math.max(r.left - p.x, p.x - r.right, r.top - p.y, p.y - r.bottom, 0);
  for (const way of document.querySelectorAll('#picture .way')) {
    const matrix = way.getScreenCTM();
    for (const at of [0, way.getTotalLength()]) {
      const p = way.getPointAtLength(at).matrixTransform(matrix);
      const apart = Math.min(...[...places, ...dots].map(r => gap(p, r)));
      if (apart > 2) wrong.push(`an edge ends nowhere: ${way.getAttribute('d')}`);
    }
  }
  const closed = places.filter((_, i) => !faces[i].parentNode.classList.contains('opened'));
  const within = (p, r) => r.left + 2 < p.x && p.x < r.right - 2 && r.top + 2 < p.y && p.y < r.bottom - 2;
  for (const way of document.querySelectorAll('#picture .way')) {
    const matrix = way.getScreenCTM();
    const length = way.getTotalLength();
    for (let at = 0; at < length; at += 3) {
      const p = way.getPointAtLength(at).matrixTransform(matrix);
      const under = closed.some(r => within(p, r));
      if (under) { wrong.push(`an edge goes under a box: ${way.getAttribute('d').slice(0, 60)}`); break; }
    }
  }
  return wrong;
}"""


@pytest.mark.parametrize("name", ["resnet50", "googlenet", "unet", "densenet121", "vit_b_16", "efficientnet_b0"])
def test_whatever_is_open_nothing_overlaps_and_edges_meet_boxes(open_report: Open, name: str) -> None:
    page = open_report(name)
    rng = random.Random(0)
    assert page.evaluate(GEOMETRY) == []
    for _ in range(6):
        blocks = page.locator("#picture .box[aria-expanded]")
        chosen = blocks.nth(rng.randrange(blocks.count()))
        chosen.evaluate("element => element.dispatchEvent(new MouseEvent('click', {bubbles: true}))")
        assert page.evaluate(GEOMETRY) == []
    page.get_by_role("button", name="Open all").click()
    assert page.evaluate(GEOMETRY) == []


def test_the_picture_moves_and_zooms(open_report: Open) -> None:
    page = open_report("resnet50")
    face = box(page, "conv1").locator("rect.face")
    start = face.bounding_box()
    page.get_by_role("button", name="Zoom in").click()
    assert face.bounding_box()["width"] == pytest.approx(1.25 * start["width"], rel=0.01)
    page.get_by_role("button", name="Fit").click()
    area = page.locator("#picture").bounding_box()
    before = face.bounding_box()
    page.mouse.move(area["x"] + 40, area["y"] + 300)
    page.mouse.down()
    page.mouse.move(area["x"] + 90, area["y"] + 260, steps=5)
    page.mouse.up()
    after = face.bounding_box()
    assert (after["x"] - before["x"], after["y"] - before["y"]) == pytest.approx((50, -40), abs=12)
    page.mouse.wheel(0, 120)
    assert face.bounding_box()["y"] == pytest.approx(after["y"] - 120, abs=2)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    assert face.bounding_box()["width"] > after["width"] * 1.5


def test_the_diagram_by_keyboard(open_report: Open) -> None:
    page = open_report("resnet50")
    page.locator("#picture .box[tabindex='0']").focus()
    expect(page.locator("#picture .box[tabindex='0']")).to_have_count(1)  # one stop for Tab
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#picked h2")).to_have_text("maxpool")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#picked h2")).to_have_text("layer1")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#picked h2")).to_have_text("layer1.0")
    page.keyboard.press("Enter")
    expect(box(page, "layer1.0.conv1")).to_have_count(1)
    expect(box(page, "layer1.0")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#picked h2")).to_contain_text("layer1.0.")
    page.keyboard.press("Escape")
    expect(box(page, "layer1.0.conv1")).to_have_count(0)
    expect(box(page, "layer1.0")).to_be_focused()
    page.keyboard.press("Escape")
    expect(box(page, "layer1.0")).to_have_count(0)
    expect(box(page, "layer1")).to_be_focused()


def test_a_box_says_what_it_is(open_report: Open) -> None:
    page = open_report("resnet50")
    assert box(page, "conv1").get_attribute("aria-label").startswith("Conv2d, conv1, 64, kernel_size=7, stride=2")
    assert box(page, "conv1").get_attribute("role") == "treeitem"


# What is picked, everywhere


def test_a_box_picks_its_row_and_a_row_its_box(open_report: Open) -> None:
    page = open_report("resnet50")
    press(page, box(page, "conv1"))
    expect(row(page, "conv1")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#picked h2")).to_have_text("conv1")
    row(page, "layer4.1").locator(".twisty").click()
    row(page, "layer4.1.conv3").click()
    drawn = box(page, "layer4.1.conv3")
    expect(drawn).to_have_class("box weights picked")
    expect(drawn).to_be_in_viewport()
    expect(row(page, "conv1")).to_have_attribute("aria-selected", "false")


def test_a_node_of_a_repeated_block_is_shown_in_the_first(open_report: Open) -> None:
    page = open_report("resnet50", at="#layer3.4.conv2")
    expect(page.locator("#picked h2")).to_have_text("layer3.4.conv2")
    expect(box(page, "layer3.1.conv2")).to_have_class("box weights alike")
    expect(page.locator("#picked")).to_contain_text("once for 5 equal blocks")


@pytest.mark.parametrize("at", ["", "#", "#nothing", "#%", "#%E0%A4%A"])
def test_an_address_that_names_nothing(open_report: Open, at: str) -> None:
    page = open_report("lenet5", at=at)
    expect(page.locator("#picked")).to_contain_text("Pick a layer")
    page.evaluate("location.hash = 'c3'")
    expect(page.locator("#picked h2")).to_have_text("c3")


def test_links_lead_on(open_report: Open) -> None:
    page = open_report("resnet50", at="#layer1.0.add")
    page.locator("#picked").get_by_role("button", name="layer1.0.bn3").click()
    expect(page.locator("#picked h2")).to_have_text("layer1.0.bn3")
    assert page.url.endswith("#layer1.0.bn3")
    page.locator("#picked").get_by_role("button", name="layer1.0.add").click()  # read by
    expect(page.locator("#picked h2")).to_have_text("layer1.0.add")


# Search


def test_search(open_report: Open) -> None:
    page = open_report("efficientnet_b0")
    page.keyboard.press("/")
    expect(page.get_by_role("combobox")).to_be_focused()
    page.keyboard.type("6.2 Conv2d")
    options = page.get_by_role("option")
    expect(options.first).to_contain_text("features.6.2")
    page.keyboard.press("ArrowDown")
    second = options.nth(1).locator(".path").inner_text()
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page.locator("#picked h2")).to_have_text(second)
    expect(page.locator("#found")).to_be_hidden()
    expect(page.locator("#picture .box:is(.picked, .alike)")).to_be_in_viewport()


def test_search_for_nothing(open_report: Open) -> None:
    page = open_report("lenet5")
    page.get_by_role("combobox").fill("transformer")
    expect(page.locator("#found")).to_have_text("nothing of that name")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(page.locator("#found")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.get_by_role("combobox")).to_have_value("")


def test_a_result_is_chosen_with_the_pointer(open_report: Open) -> None:
    page = open_report("resnet50")
    page.get_by_role("combobox").fill("fc")
    page.get_by_role("option").first.click()
    expect(page.locator("#picked h2")).to_have_text("fc")
    expect(row(page, "fc")).to_have_attribute("aria-selected", "true")


# The table


def test_sorting(open_report: Open) -> None:
    page = open_report("resnet50")
    usual = paths(page)
    head = page.get_by_role("columnheader", name="params")
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    assert [path for path in paths(page) if "." not in path][:3] == ["layer4", "layer3", "fc"]
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    assert [path for path in paths(page) if "." not in path][-1] == "layer4"
    head.get_by_role("button").click()
    assert paths(page) == usual


def test_rows_stay_in_their_blocks_when_sorted_and_layers_can_stand_alone(open_report: Open) -> None:
    page = open_report("resnet18")
    page.get_by_role("button", name="Expand all").click()
    page.get_by_role("columnheader", name="MACs").get_by_role("button").click()
    found = paths(page)
    inside = [found.index(path) for path in found if path.startswith("layer1.")]
    assert inside == list(range(found.index("layer1") + 1, found.index("layer1") + 1 + len(inside)))
    page.get_by_label("layers only").check()
    assert paths(page)[0] == "layer1.0.conv1" or paths(page)[0] == "conv1"
    assert len(paths(page)) == len(api.load("resnet18").nodes)


def test_the_table_by_keyboard(open_report: Open) -> None:
    page = open_report("resnet50")
    page.locator("#table tbody tr").first.focus()
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    expect(page.locator("#picked h2")).to_have_text("layer1")
    page.keyboard.press("ArrowRight")
    expect(row(page, "layer1")).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#picked h2")).to_have_text("layer1.0")
    page.keyboard.press("ArrowLeft")
    expect(row(page, "layer1")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(row(page, "layer1")).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("End")
    expect(page.locator("#picked h2")).to_have_text("fc")


# Fields, charts, sizes, source


def test_the_receptive_field_is_drawn_over_the_input(open_report: Open) -> None:
    page = open_report("lenet5", at="#c3")
    field = page.locator(".field")
    region = api.load("lenet5").receptive_field("c3", (5, 5)).inputs[0].hull.clipped
    assert [tuple(each) for each in region if each] == [(10, 23), (10, 23)]
    expect(field.locator(".seen")).to_have_text("Rows 10 to 23, columns 10 to 23: 19.1 %.")
    whole, near = (field.locator(f"rect.{name}").bounding_box() for name in ("whole", "near"))
    assert near["width"] / whole["width"] == pytest.approx(14 / 32, abs=0.02)
    slider = field.get_by_role("slider", name="row of the unit")
    slider.focus()
    page.keyboard.press("Home")
    expect(field.locator(".seen")).to_have_text("Rows 0 to 13, columns 10 to 23: 19.1 %.")
    page.mouse.click(whole["x"] + whole["width"] - 2, whole["y"] + whole["height"] - 2)
    expect(field.locator(".seen")).to_have_text("Rows 18 to 31, columns 18 to 31: 19.1 %.")


def test_a_local_path_beside_a_global_one(open_report: Open) -> None:
    page = open_report("efficientnet_b0", at="#features.2.0")
    expect(page.locator(".field .seen")).to_contain_text("All of it. Its local path: rows")
    expect(page.locator(".field rect.far, .field rect.near")).to_have_count(2)


def test_tabs_and_charts(open_report: Open) -> None:
    page = open_report("resnet50")
    page.get_by_role("tab", name="Table").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Charts")).to_be_focused()
    charts = page.get_by_role("tabpanel", name="Charts")
    widths = charts.locator(".fill").evaluate_all("all => all.map(each => each.offsetWidth)")
    assert max(widths) > 50
    charts.get_by_role("button", name="layer3").click()
    expect(page.locator("#picked h2")).to_have_text("layer3")
    expect(charts.get_by_role("button", name="5", exact=True)).to_be_visible()
    area = charts.locator(".timeline svg").bounding_box()
    page.mouse.click(area["x"] + area["width"] - 1, area["y"] + 20)
    expect(page.locator("#picked h2")).to_have_text("fc")


def test_sizes(open_report: Open) -> None:
    page = open_report("unet_2015")
    page.get_by_role("tab", name="Sizes").click()
    panel = page.get_by_role("tabpanel", name="Sizes")
    field = panel.get_by_label("a size of axis H")
    field.fill("572")
    expect(panel.locator(".try").first).to_contain_text("✓ fits")
    field.fill("187")
    expect(panel.locator(".try").first).to_contain_text("✗ H >= 188; nearest 188")
    panel.get_by_role("button", name="dec2.2").first.click()
    expect(page.locator("#picked h2")).to_have_text("dec2.2")


def test_lines_of_the_source(open_report: Open) -> None:
    page = open_report("resnet50", at="#layer1.0.conv2")
    page.get_by_role("tab", name="Source").click()
    line = page.locator("#source li.picked")
    expect(line).to_contain_text("conv2: {op: Conv2d")
    expect(line).to_be_in_viewport()
    expect(page.locator("#source li.around")).to_have_count(1)
    line.click()  # the next that was made of it
    expect(page.locator("#picked h2")).to_have_text("layer1.1.conv2")
    page.get_by_role("tab", name="Table").click()
    page.locator("#picked").get_by_role("button", name="used at").click()
    expect(page.get_by_role("tab", name="Source")).to_have_attribute("aria-selected", "true")


def test_a_line_of_another_file(open_report: Open) -> None:
    page = open_report("efficientnet_b0", at="#features.1.0.block.0")
    page.get_by_role("tab", name="Source").click()
    expect(page.get_by_role("button", name="mbconv.yaml", exact=True)).to_have_attribute("aria-pressed", "true")


# Screens


@pytest.mark.parametrize("name", ["resnet50", "googlenet", "vit_b_16"])
def test_a_narrow_screen_scrolls_down_only(open_report: Open, name: str) -> None:
    page = open_report(name, width=400, height=800)
    for tab in ("Table", "Charts", "Sizes", "Source"):
        page.get_by_role("tab", name=tab).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.get_by_role("combobox").fill("conv")
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.get_by_role("option").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    expect(page.locator("#picture .box").first).to_be_visible()


def luminance(page: Page, selector: str, property: str) -> float:
    colour = page.locator(selector).first.evaluate(
        "(element, property) => getComputedStyle(element)[property]", property
    )
    red, green, blue = (int(part) for part in colour.strip("rgb()").split(",")[:3])
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255


def test_light_and_dark(open_report: Open) -> None:
    for scheme, is_dark in (("light", False), ("dark", True)):
        page = open_report("resnet50", scheme=scheme)
        for selector, paint, ink in (
            ("body", "backgroundColor", "color"),
            ("#picture .box.weights rect.face", "fill", None),
            ("#picture .box.block:not(.opened) rect.face", "fill", None),
        ):
            assert (luminance(page, selector, paint) < 0.4) is is_dark
            if ink:
                assert (luminance(page, selector, ink) > 0.6) is is_dark
        text = luminance(page, "#picture .box .title", "fill")
        assert abs(text - luminance(page, "#picture .box.weights rect.face", "fill")) > 0.4


def test_a_hostile_spec_is_text(open_report: Open) -> None:
    text = """\
archspec: 1
name: "</script><script>document.title = 'owned'</script><img src=x onerror=alert(1)>"
doc: "<b>bold</b> {{ 7 * 7 }} </title>"
input: [N, 3, 8, 8]
graph:
  a: {op: Conv2d, out_channels: 4, kernel_size: 3}  # <script>alert(2)</script>
"""
    page = open_report(api.loads(text, name="<i>.yaml"))
    expect(page.locator("h1")).to_contain_text("</script><script>")
    expect(page.locator(".doc")).to_have_text("<b>bold</b> {{ 7 * 7 }} </title>")
    assert page.locator("img, script:not(#data)").count() == 1
    assert "owned" not in page.title().split("'")[0]
    page.get_by_role("tab", name="Source").click()
    expect(page.locator("#source")).to_contain_text("<script>alert(2)</script>")


def test_without_an_engine_all_else_is_there(open_report: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archspec.diagrams.engine._installed", lambda name: None)
    page = open_report("resnet50", at="#layer1.0.conv1")
    expect(page.locator("#diagram")).to_contain_text("pip install graphviz-pure")
    expect(row(page, "layer1.0.conv1")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#picked h2")).to_have_text("layer1.0.conv1")


def test_a_network_without_known_sizes(open_report: Open) -> None:
    page = open_report(api.load("resnet18", input=(3, "H", "W")))
    press(page, box(page, "conv1"))
    expect(page.locator("#picked")).to_contain_text("HW")
    page.get_by_role("tab", name="Charts").click()
    expect(page.locator("#charts")).to_contain_text("Memory is not known")
    page.get_by_role("tab", name="Table").click()
    page.get_by_role("columnheader", name="MACs").get_by_role("button").click()
    assert paths(page)[0].startswith("layer")

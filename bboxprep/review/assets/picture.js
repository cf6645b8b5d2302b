// One picture with its objects as SVG over the image, sharp at any zoom.
"use strict";

Review.picture = (() => {
  const { element, site, listing } = Review;
  const COLOURS = 7;
  const CROWDED = 30; // with more objects only the name of the one under the pointer is shown

  const style = (label) => `c${label % COLOURS} dash${Math.floor(label / COLOURS) % 3}`;
  const finite = (values) => values.every((value) => value !== null);

  function rectangle(box, kind) {
    const [x0, y0, x1, y1] = box;
    return element("rect", { class: kind, x: x0, y: y0, width: Math.max(0, x1 - x0), height: Math.max(0, y1 - y0) });
  }

  // All rings as one path, so that holes stay holes.
  function rings(each) {
    const parts = each.filter(finite).map((ring) => {
      const points = [];
      for (let at = 0; at < ring.length; at += 2) points.push(`${ring[at]} ${ring[at + 1]}`);
      return `M${points.join("L")}Z`;
    });
    return element("path", { class: "ring", d: parts.join("") });
  }

  function keypoints(values, label) {
    const points = [];
    for (let at = 0; at < values.length; at += 3) points.push(values.slice(at, at + 3));
    const seen = (point) => point && point[2] > 0 && finite(point);
    const bones = site.classes[label].skeleton
      .map(([from, to]) => [points[from - 1], points[to - 1]])
      .filter(([from, to]) => seen(from) && seen(to))
      .map(([from, to]) => element("line", { class: "bone", x1: from[0], y1: from[1], x2: to[0], y2: to[1] }));
    const dots = points
      .filter(seen)
      .map(([x, y, state]) => element("circle", { class: state === 2 ? "point" : "point hidden", cx: x, cy: y, r: 1 }));
    return [...bones, ...dots];
  }

  function drawn(object, number, dimmed) {
    const parts = [];
    if (object.m) parts.push(element("path", { class: "mask", d: object.m }));
    if (object.r) parts.push(rings(object.r));
    if (finite(object.b)) parts.push(rectangle(object.b, "halo"), rectangle(object.b, "box"));
    if (object.p) parts.push(...keypoints(object.p, object.c));
    const kinds = ["object", style(object.c), object.k ? "crowd" : "", dimmed ? "dim" : ""];
    return element("g", { class: kinds.filter(Boolean).join(" "), "data-object": number }, ...parts);
  }

  const area = ({ b }) => (finite(b) ? (b[2] - b[0]) * (b[3] - b[1]) : 0);

  // The objects of `side`, large ones first; other classes than those of `only` are dimmed.
  function shapes(side, only) {
    const order = side.objects.map((object, number) => [object, number]).sort(([a], [b]) => area(b) - area(a));
    return order.map(([object, number]) => drawn(object, number, only !== null && !only.has(object.c)));
  }

  function name(object) {
    const words = site.classes[object.c].name;
    return `${words}${object.k ? " (crowd)" : ""}${object.s ? ` ${object.s.toFixed(2)}` : ""}`;
  }

  // A pane: the picture of `side` with its title, and `place`, which keeps the size of names and dots at any zoom.
  function pane(side, title, only) {
    const [width, height] = side.size;
    const svg = element(
      "svg",
      { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title}: ${listing(side.objects)}`, class: "canvas" },
      side.view ? element("image", { href: side.view, width, height, preserveAspectRatio: "none" }) : element("rect", { class: "missing", width, height }),
      ...shapes(side, only),
    );
    const chips = element("div", { class: side.objects.length > CROWDED ? "chips crowded" : "chips", "aria-hidden": "true" });
    for (const [number, object] of side.objects.entries()) {
      if (finite(object.b)) chips.append(chip(object, number, only));
    }
    const stage = element("div", { class: "stage" }, svg, chips);
    if (!side.view) stage.append(element("p", { class: "nothing" }, "This picture cannot be read."));
    return { stage, svg, size: side.size, place: () => place(svg, chips, side) };
  }

  function chip(object, number, only) {
    const dim = only !== null && !only.has(object.c) ? " dim" : "";
    return element("span", { class: `chip ${style(object.c)}${dim}`, "data-object": number }, name(object));
  }

  function place(svg, chips, side) {
    const { width, height } = svg.getBoundingClientRect();
    const view = svg.viewBox.baseVal;
    const scale = Math.min(width / view.width, height / view.height);
    if (!scale) return;
    const left = (width - view.width * scale) / 2 - view.x * scale;
    const top = (height - view.height * scale) / 2 - view.y * scale;
    for (const dot of svg.querySelectorAll(".point")) dot.setAttribute("r", 3.5 / scale);
    for (const each of chips.children) {
      const [x0, y0, x1, y1] = side.objects[each.dataset.object].b;
      const [right, bottom] = [left + x1 * scale, top + y1 * scale];
      each.style.visibility = right < 0 || bottom < 0 || left + x0 * scale > width || top + y0 * scale > height ? "hidden" : "";
      const x = Math.min(Math.max(0, left + x0 * scale - 1), width - each.offsetWidth);
      const above = top + y0 * scale - each.offsetHeight;
      each.style.left = `${Math.max(0, x)}px`;
      each.style.top = `${above < 0 ? Math.max(0, top + y0 * scale) : above}px`;
    }
  }

  return { pane, shapes, name, style, finite };
})();

// The view of one image: before and after side by side, its findings, its objects, and data of its file.
"use strict";

Review.viewer = (() => {
  const { site, element, count } = Review;
  const view = document.getElementById("view-image");
  const title = view.querySelector("h1");
  let shown = -1; // a chunk that arrives after the next image was requested is ignored

  function show(number, filter, numbers) {
    const { columns } = Review;
    shown = number;
    const place = numbers.indexOf(number);
    title.textContent = columns.name[number];
    const split = site.splits[columns.split[number]];
    const position = place < 0 ? "not in this filter" : `${(place + 1).toLocaleString("en")} of ${numbers.length.toLocaleString("en")}`;
    view.querySelector(".where").textContent = `${split} · ${position}`;
    view.querySelector(".back").href = Review.hash({ view: "images", filter, page: Review.gallery.pageOf(Math.max(0, place)) });
    for (const link of view.querySelectorAll("[data-step]")) {
      const to = numbers[place + Number(link.dataset.step)];
      const known = place >= 0 && to !== undefined;
      link.toggleAttribute("href", known);
      if (known) link.href = Review.hash({ view: "image", key: columns.key[to], filter });
      if (known) Review.card(to).then(preload);
    }
    Review.card(number).then(
      (card) => shown === number && fill(card, number, filter),
      (error) => view.querySelector(".panes").replaceChildren(element("p", { class: "nothing" }, error.message)),
    );
  }

  function preload(card) {
    for (const side of [card.after, card.before]) if (side && side.view) new Image().src = side.view;
  }

  function fill(card, number, filter) {
    const only = Review.only(filter);
    const panes = [];
    const figures = [];
    for (const [side, words] of sides(card)) {
      if (side) {
        const pane = Review.picture.pane(side, words, only);
        panes.push(pane);
        figures.push(figure(pane.stage, words, `${side.size[0]} × ${side.size[1]} · ${count(side.objects.length, "object")}`));
      } else {
        figures.push(figure(element("div", { class: "stage empty" }, element("p", { class: "nothing" }, "No picture was written.")), words, ""));
      }
    }
    const container = view.querySelector(".panes");
    container.classList.toggle("pair", figures.length > 1);
    container.style.setProperty("--ratio", Math.max(0.4, Math.min(...panes.map(({ size }) => size[0] / size[1]), 2.4)));
    container.replaceChildren(...figures);
    Review.zoom.show(panes);
    notes(card.notes);
    objects(card.after || card.before);
    facts(card, number);
  }

  const sides = (card) =>
    site.compared
      ? [[card.before, "Before: the source as displayed"], [card.after, "After: the output"]]
      : [[card.after, "As displayed"]];

  const figure = (stage, words, more) =>
    element("figure", { class: "pane" }, element("figcaption", {}, element("b", {}, words), element("span", {}, more)), stage);

  function notes(each) {
    const rows = each.map((note) =>
      element(
        "li",
        { class: note.severity === "fault" ? "fault" : "note" },
        element("a", { href: Review.hash({ view: "images", filter: { finding: note.code } }), title: site.codes[note.code] || null }, note.code),
        element("span", {}, [note.where, note.message].filter(Boolean).join(": ")),
      ),
    );
    view.querySelector(".notes").replaceChildren(...(rows.length ? rows : [element("li", { class: "none" }, "Nothing was found.")]));
  }

  function objects(side) {
    const head = element("tr", {}, ...["Class", "Box", "Size"].map((words) => element("th", { scope: "col" }, words)));
    const rows = side ? side.objects.map(row) : [];
    const table = element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
    view.querySelector(".objects").replaceChildren(rows.length ? table : element("p", { class: "none" }, "No objects."));
  }

  function row(object, number) {
    const edges = object.b.map((edge) => (edge === null ? "not finite" : String(Math.round(edge * 10) / 10)));
    const size = Review.picture.finite(object.b) ? [object.b[2] - object.b[0], object.b[3] - object.b[1]].map(Math.round).join(" × ") : "";
    const swatch = element("i", { class: `swatch ${Review.picture.style(object.c)}`, "aria-hidden": "true" });
    const line = element(
      "tr",
      { "data-object": number },
      element("th", { scope: "row" }, swatch, Review.picture.name(object)),
      element("td", {}, edges.join(" ")),
      element("td", {}, size),
    );
    return line;
  }

  function facts(card, number) {
    const { columns } = Review;
    const turn = columns.orientation[number];
    const rows = [
      ["Split", site.splits[columns.split[number]]],
      ["Source", card.origin],
      ["Made by", card.drawn],
      ["EXIF orientation", String(turn)],
      ["Labels drawn in", turn === 1 ? "" : `${card.frame} plane (${card.evidence})`],
      ["As read", card.before ? card.before.size.join(" × ") : ""],
      [site.compared ? "As written" : "Size", card.after ? card.after.size.join(" × ") : "not written"],
    ];
    view.querySelector(".facts").replaceChildren(
      ...rows.filter(([, value]) => value).map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))),
    );
  }

  // Highlights the object under the pointer in the picture and in the table.
  view.addEventListener("pointerover", (event) => {
    const over = event.target.closest("tr[data-object], g[data-object]");
    const last = view.querySelector(".panes figure:last-child");
    if (over && over.matches("g") && !(last && last.contains(over))) return;
    for (const each of view.querySelectorAll(".lit")) each.classList.remove("lit");
    if (!over) return;
    const same = `[data-object="${over.dataset.object}"]`;
    for (const each of [...(last ? last.querySelectorAll(same) : []), ...view.querySelectorAll(`.objects ${same}`)]) each.classList.add("lit");
  });

  function layer(name) {
    const box = view.querySelector(`.layers [name="${name}"]`);
    box.checked = !box.checked;
    layers();
  }

  function layers() {
    for (const box of view.querySelectorAll(".layers input")) view.classList.toggle(`no-${box.name}`, !box.checked);
  }
  view.querySelector(".layers").addEventListener("change", layers);
  window.addEventListener("resize", () => Review.zoom.place());

  return { show, layer, title };
})();

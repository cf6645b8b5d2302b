// The gallery of objects: each cut out of its picture, the most suspect, the smallest or the most stretched first.
"use strict";

Review.patches = (() => {
  const { element, count, site } = Review;
  const MOST = 5000; // images whose objects are loaded at once
  const MARGIN = 0.2; // of the longer side of a box, shown around it
  const MEASURES = {
    "": ({ suspicion }) => -suspicion,
    small: ({ side }) => side,
    large: ({ side }) => -side,
    flat: ({ stretch }) => -stretch,
  };

  // The objects of the images `numbers` that `filter` asks for, in its order; among equals the worst image first.
  async function load(numbers, filter) {
    const asked = numbers.slice(0, MOST);
    const cards = await Promise.all(asked.map((number) => Review.card(number)));
    const only = Review.only(filter);
    const found = cards.flatMap((card, place) => {
      const picture = card.after || card.before;
      if (!picture || !picture.view) return [];
      const rows = picture.objects.map((object, row) => ({ number: asked[place], picture, object, ...measured(object.b), suspicion: suspicion(card, row, object.c) }));
      return rows.filter(({ object }) => Review.picture.finite(object.b) && (only === null || only.has(object.c)));
    });
    const measure = MEASURES[filter.sort] || MEASURES[""];
    return found.sort((one, other) => measure(one) - measure(other));
  }

  function measured([x0, y0, x1, y1]) {
    const [width, height] = [Math.max(x1 - x0, 0), Math.max(y1 - y0, 0)];
    return { width, height, side: Math.sqrt(width * height), stretch: Math.abs(Math.log(Math.max(width, 1e-6) / Math.max(height, 1e-6))) };
  }

  // 2 where a fault names the object, 1 where a note does, else 0. A note of a run without its class is about the source.
  function suspicion(card, row, label) {
    const named = card.notes.filter(({ where }) => {
      const [, number, name] = /^object (\d+)(?: \((.*)\))?/.exec(where || "") || [];
      return Number(number) === row + 1 && (name === undefined ? !card.origin : name === site.classes[label].name);
    });
    return named.length ? (named.some(({ severity }) => severity === "fault") ? 2 : 1) : 0;
  }

  function card({ number, picture, object, width, height, suspicion }, filter) {
    const { columns } = Review;
    const [x0, y0] = object.b;
    const half = Math.max(width, height) * (0.5 + MARGIN) + 4;
    const [left, top] = [x0 + width / 2 - half, y0 + height / 2 - half];
    const words = Review.picture.name(object);
    const svg = element(
      "svg",
      { viewBox: `${left} ${top} ${2 * half} ${2 * half}`, role: "img", "aria-label": words },
      element("image", { href: picture.view, width: picture.size[0], height: picture.size[1], preserveAspectRatio: "none" }),
      ...Review.picture.shapes({ objects: [object] }, null),
    );
    const mark = ["", "note", "fault"][suspicion];
    return element(
      "a",
      { class: "card", "data-key": columns.key[number], href: Review.hash({ view: "image", key: columns.key[number], filter }) },
      element("span", { class: "frame square" }, svg),
      element("span", { class: "name", title: words }, element("span", {}, words)),
      element("span", { class: "meta", title: columns.name[number] }, `${Math.round(width)} × ${Math.round(height)} · ${columns.name[number]}`, mark ? element("span", { class: `badge ${mark}` }, mark) : ""),
    );
  }

  // What says how many objects there are in the images `numbers`.
  const countText = (numbers) => (all, shown, before) => {
    if (!all) return "No object passes this filter.";
    const where = numbers.length > MOST ? `the first ${MOST.toLocaleString("en")} images` : count(numbers.length, "image");
    const which = `${count(all, "object")} in ${where}`;
    return shown < all ? `${which}, ${(before + 1).toLocaleString("en")} to ${(before + shown).toLocaleString("en")} shown` : which;
  };

  return { load, card, countText };
})();

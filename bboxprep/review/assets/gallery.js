// The gallery: filters, and pages of thumbnails, each with its boxes once its data is loaded, or of objects cut out.
"use strict";

Review.gallery = (() => {
  const { site, element, count } = Review;
  const PAGE = 60;
  const view = document.getElementById("view-images");
  const form = view.querySelector(".filters");
  const list = view.querySelector(".cards");
  const legend = view.querySelector(".legend");
  const FIELDS = ["q", "class", "split", "finding", "orientation", "show", "sort"];
  const SORTS = {
    images: [["", "worst first"], ["name", "by name"], ["most", "most objects"], ["fewest", "fewest objects"]],
    objects: [["", "most suspect"], ["small", "smallest"], ["large", "largest"], ["flat", "most stretched"]],
  };
  let turn = 0; // objects that arrive after another filter was chosen are ignored

  function prepare() {
    const { columns } = Review;
    const codes = [...new Set(columns.codesSets.flat())].sort();
    const turns = [...new Set(columns.orientation)].sort();
    fill("class", "all classes", site.classes.map(({ name }) => [name, name]));
    fill("split", "all splits", site.splits.map((name) => [name, name]));
    const any = codes.length ? [["any fault", "any fault"], ["any finding", "any finding"]] : [];
    fill("finding", "with or without", [...any, ...codes.map((code) => [code, code])]);
    fill("orientation", "any", turns.map((turn) => [turn, `EXIF ${turn}`]));
    fill("show", "images", [["objects", "objects"]]);
    const used = [...new Set(columns.classesSets.flat())].sort((one, other) => one - other);
    legend.replaceChildren(...used.map(entry));
    legend.hidden = used.length < 2;
    form.addEventListener("input", ({ target }) => {
      if (target.name === "size") list.style.setProperty("--thumb", `${target.value}px`);
      else Review.go({ view: "images", filter: chosen() }, { replace: true });
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    form.querySelector("[data-clear]").addEventListener("click", () => Review.go({ view: "images", filter: {} }));
    for (const button of view.querySelectorAll("[data-page]")) {
      button.addEventListener("click", () => {
        const { filter, page } = Review.state();
        Review.go({ view: "images", filter, page: page + Number(button.dataset.page) });
        window.scrollTo(0, 0);
      });
    }
  }

  // A class of the legend, which is put to those that are shown, or taken away.
  function entry(label) {
    const { name } = site.classes[label];
    const swatch = element("i", { class: `swatch ${Review.picture.style(label)}`, "aria-hidden": "true" });
    const button = element("button", { type: "button", "data-class": name, "aria-pressed": "false" }, swatch, name);
    button.addEventListener("click", () => {
      const { filter } = Review.state();
      const names = Review.classesOf(filter);
      const left = names.includes(name) ? names.filter((each) => each !== name) : [...names, name];
      const { class: _, ...others } = filter;
      Review.go({ view: "images", filter: left.length ? { ...others, class: left.join(Review.JOINT) } : others }, { replace: true });
    });
    return button;
  }

  // The choices of the form for `filter`: the orders of what it shows, and its classes where there are several.
  function offer(filter) {
    const [[, first], ...others] = SORTS[filter.show === "objects" ? "objects" : "images"];
    fill("sort", first, others);
    const names = Review.classesOf(filter);
    form.elements.class.querySelector("[data-several]")?.remove();
    if (names.length > 1) form.elements.class.append(element("option", { value: filter.class, "data-several": true }, `${names.length} classes`));
    for (const button of legend.children) button.setAttribute("aria-pressed", String(names.includes(button.dataset.class)));
  }

  function fill(name, placeholder, options) {
    const made = [["", placeholder], ...options].map(([value, words]) => element("option", { value }, String(words)));
    form.elements[name].replaceChildren(...made);
  }

  const chosen = () => Object.fromEntries(FIELDS.map((name) => [name, form.elements[name].value]).filter(([, value]) => value));

  function show({ filter, page }, numbers) {
    offer(filter);
    for (const name of FIELDS) {
      const field = form.elements[name];
      if (field.value !== (filter[name] || "")) field.value = filter[name] || "";
    }
    form.querySelector("[data-clear]").disabled = !Object.keys(filter).length;
    Review.selection.offer(numbers);
    turn += 1;
    if (filter.show !== "objects") return paged(numbers, page, (number) => card(number, filter), countText);
    const asked = turn;
    view.querySelector(".count").textContent = "Loading the objects …";
    return Review.patches.load(numbers, filter).then((found) => {
      if (asked === turn) paged(found, page, (each) => element("li", {}, Review.patches.card(each, filter)), Review.patches.countText(numbers));
    });
  }

  // A page of `items`, each made by `make`, and their number in words.
  function paged(items, page, make, words) {
    const pages = Math.max(1, Math.ceil(items.length / PAGE));
    const here = Math.min(Math.max(page, 1), pages);
    const shown = items.slice((here - 1) * PAGE, here * PAGE);
    list.replaceChildren(...shown.map(make));
    view.querySelector(".count").textContent = words(items.length, shown.length, (here - 1) * PAGE);
    const [previous, next] = view.querySelectorAll("[data-page]");
    previous.disabled = here === 1;
    next.disabled = here === pages;
    view.querySelector(".pages").hidden = pages === 1;
    view.querySelector(".pages span").textContent = `Page ${here.toLocaleString("en")} of ${pages.toLocaleString("en")}`;
  }

  function countText(all, shown, before) {
    const total = Review.columns.name.length;
    if (!all) return "No image passes this filter.";
    const which = all === total ? count(all, "image") : `${all.toLocaleString("en")} of ${count(total, "image")}`;
    return shown < all ? `${which}, ${(before + 1).toLocaleString("en")} to ${(before + shown).toLocaleString("en")} shown` : which;
  }

  function card(number, filter) {
    const { columns } = Review;
    const name = columns.name[number];
    const codes = columns.codesSets[columns.codes[number]];
    const frame = element("span", { class: "frame" });
    const picture = columns.thumb[number]
      ? element("img", { src: `${Review.place(number)}-thumb.jpg`, loading: "lazy", decoding: "async", alt: name })
      : element("span", { class: "nothing" }, "no picture");
    frame.append(picture);
    const mark = ["", "note", "fault"][columns.worst[number]];
    const link = element(
      "a",
      { class: "card", "data-key": columns.key[number], href: Review.hash({ view: "image", key: columns.key[number], filter }) },
      frame,
      element("span", { class: "name", title: name }, element("span", {}, name)),
      element(
        "span",
        { class: "meta" },
        site.splits[columns.split[number]],
        columns.orientation[number] === 1 ? "" : ` · EXIF ${columns.orientation[number]}`,
        mark ? element("span", { class: `badge ${mark}`, title: codes.join(", ") }, codes.length === 1 ? codes[0] : `${codes.length} findings`) : "",
      ),
    );
    observer.observe(link);
    link.decorate = () => decorate(number, frame, picture, filter);
    const box = element("input", { type: "checkbox", class: "pick", "data-number": number, "aria-label": `Select ${name}` });
    box.checked = Review.selection.has(number);
    box.addEventListener("change", () => Review.selection.toggle(number));
    return element("li", {}, box, link);
  }

  const observer = new IntersectionObserver(
    (seen) => {
      for (const { isIntersecting, target } of seen) {
        if (!isIntersecting) continue;
        observer.unobserve(target);
        target.decorate();
      }
    },
    { rootMargin: "400px" },
  );

  // Draws the boxes over a thumbnail, and lists its objects in the alternative text.
  function decorate(number, frame, picture, filter) {
    Review.card(number).then((data) => {
      const side = data.after || data.before;
      if (!side || !side.view || frame.querySelector("svg")) return;
      const [width, height] = side.size;
      const only = Review.only(filter);
      frame.append(element("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, ...Review.picture.shapes(side, only)));
      picture.alt = `${Review.columns.name[number]}: ${Review.listing(side.objects)}`;
    });
  }

  const pageOf = (place) => Math.floor(place / PAGE) + 1;
  const search = () => form.elements.q.select();

  return { prepare, show, pageOf, search, list };
})();

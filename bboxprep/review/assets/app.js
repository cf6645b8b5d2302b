// The router: the address holds the state, so that every image and every filter has a link. Keys and links change it.
"use strict";

(() => {
  const VIEWS = ["overview", "images", "image"];

  // #image/train/IMG_1.jpg?class=car  ->  { view, key, filter, page }
  Review.state = () => {
    const [path, query = ""] = location.hash.slice(1).split(/\?(.*)/s);
    const [view, ...rest] = path.split("/");
    const filter = Object.fromEntries(new URLSearchParams(query));
    const page = Number(filter.page) || 1;
    delete filter.page;
    return { view: VIEWS.includes(view) ? view : "overview", key: rest.map(normalized).join("/"), filter, page };
  };

  // A part of an address in the percent-encoding of this page, however it was typed.
  function normalized(part) {
    try {
      return encodeURIComponent(decodeURIComponent(part));
    } catch {
      return part;
    }
  }

  Review.hash = ({ view, key = "", filter = {}, page = 1 }) => {
    const pairs = Object.entries(page > 1 ? { ...filter, page } : filter);
    const query = pairs.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
    return `#${view}${key ? `/${key}` : ""}${query ? `?${query}` : ""}`;
  };

  Review.go = (state, { replace = false } = {}) => {
    if (replace) {
      history.replaceState(null, "", Review.hash(state));
      render();
    } else {
      location.hash = Review.hash(state);
    }
  };

  let last = null; // the state that was rendered last
  let nextFocus = null; // sets the focus after the next change of view, instead of `focus`

  function render() {
    const state = Review.state();
    for (const name of VIEWS) document.getElementById(`view-${name}`).hidden = name !== state.view;
    for (const link of document.querySelectorAll("nav [data-view]")) {
      const here = link.dataset.view === state.view || (link.dataset.view === "images" && state.view === "image");
      if (here) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    document.body.dataset.view = state.view;
    if (state.view !== "overview" && Review.columns) {
      const numbers = Review.select(state.filter);
      if (state.view === "images") Review.gallery.show(state, numbers);
      else image(state, numbers);
    }
    if (last !== null && last.view !== state.view) {
      window.scrollTo(0, 0);
      (nextFocus || focus)(state, last);
    }
    nextFocus = null;
    last = state;
  }

  // Moves the keyboard focus when the view changes: to the new view, or back to the card of the last image.
  function focus(state, left) {
    const cards = [...Review.gallery.list.querySelectorAll("a.card")];
    const card = state.view === "images" && left.view === "image" && cards.find((each) => each.dataset.key === left.key);
    if (card) card.focus();
    else if (state.view === "image") Review.viewer.title.focus({ preventScroll: true });
    else document.getElementById("main").focus({ preventScroll: true });
  }

  function image(state, numbers) {
    const number = Review.columns.number.get(state.key);
    if (number === undefined) Review.go({ view: "images", filter: state.filter }, { replace: true });
    else Review.viewer.show(number, state.filter, numbers);
  }

  function step(by) {
    if (Review.state().view === "image") {
      const link = document.querySelector(`#view-image [data-step="${by}"]`);
      if (link.hasAttribute("href")) location.hash = link.getAttribute("href");
      return;
    }
    const cards = [...Review.gallery.list.querySelectorAll("a.card")];
    const here = cards.indexOf(document.activeElement);
    const card = cards[here < 0 ? 0 : here + by];
    if (card) card.focus();
  }

  function back() {
    const { view } = Review.state();
    if (view === "image") location.hash = document.querySelector("#view-image .back").getAttribute("href");
    else if (view === "images") document.activeElement.blur();
  }

  const help = document.getElementById("help");
  const KEYS = {
    ArrowRight: () => step(1),
    j: () => step(1),
    ArrowLeft: () => step(-1),
    k: () => step(-1),
    "?": () => help.showModal(),
    x: () => {
      const { view, key } = Review.state();
      const number = Review.columns?.number.get(view === "image" ? key : document.activeElement.dataset.key);
      if (number !== undefined) Review.selection.toggle(number);
    },
    "/": () => {
      if (Review.state().view === "images") return Review.gallery.search();
      nextFocus = Review.gallery.search;
      return Review.go({ view: "images", filter: Review.state().filter });
    },
    o: () => Review.go({ view: "overview" }),
    Escape: back,
    b: () => Review.viewer.layer("boxes"),
    s: () => Review.viewer.layer("shapes"),
    p: () => Review.viewer.layer("points"),
    n: () => Review.viewer.layer("names"),
    "+": () => Review.zoom.by(1.5),
    "-": () => Review.zoom.by(1 / 1.5),
    0: () => Review.zoom.reset(),
  };

  function onKeydown(event) {
    const typing = event.target.matches("input[type=search], input[type=range], select");
    if (event.ctrlKey || event.metaKey || event.altKey || help.open || (typing && event.key !== "Escape")) return;
    const action = KEYS[event.key];
    if (!action || (Review.state().view === "overview" && event.key.startsWith("Arrow"))) return;
    event.preventDefault();
    action();
  }

  document.addEventListener("keydown", onKeydown);
  document.querySelector("[data-help]").addEventListener("click", () => help.showModal());
  document.querySelector("[data-skip]").addEventListener("click", (event) => {
    event.preventDefault();
    document.getElementById("main").focus();
  });
  window.addEventListener("hashchange", render);
  document.addEventListener("review-ready", () => {
    Review.gallery.prepare();
    render();
  });
  render();
})();

// The data of the images: columns for the filters, loaded once; cards in chunks, loaded on demand.
"use strict";

const Review = (window.Review = (() => {
  const site = JSON.parse(document.getElementById("site").textContent);
  const MAX_CHUNKS = 120; // in memory; a dropped chunk is loaded again
  const chunks = new Map();
  const pending = new Map();
  let columns = null;

  function index(data) {
    columns = data;
    columns.lower = data.name.map((name) => name.toLowerCase());
    columns.key = keys(data);
    columns.number = new Map(columns.key.map((key, number) => [key, number]));
    document.dispatchEvent(new Event("review-ready"));
  }

  // The key of each image: split and name, with a number where they repeat.
  function keys(data) {
    const seen = new Map();
    return data.name.map((name, number) => {
      const key = [site.splits[data.split[number]], ...name.split("/")].map(encodeURIComponent).join("/");
      const times = (seen.get(key) || 0) + 1;
      seen.set(key, times);
      return times === 1 ? key : `${key}~${times}`;
    });
  }

  function chunk(number, cards) {
    chunks.set(number, cards);
    if (chunks.size > MAX_CHUNKS) chunks.delete(chunks.keys().next().value);
    const { resolve } = pending.get(number) || {};
    pending.delete(number);
    if (resolve) resolve(cards);
  }

  function load(number) {
    if (chunks.has(number)) return Promise.resolve(chunks.get(number));
    if (!pending.has(number)) {
      const entry = {};
      entry.promise = new Promise((resolve, reject) => Object.assign(entry, { resolve, reject }));
      pending.set(number, entry);
      const script = document.createElement("script");
      script.src = `data/${String(number).padStart(4, "0")}.js`;
      script.onerror = () => {
        pending.delete(number);
        entry.reject(new Error(`${script.src} cannot be loaded`));
      };
      script.onload = () => script.remove();
      document.head.append(script);
    }
    return pending.get(number).promise;
  }

  const card = (number) => load(Math.floor(number / site.chunk)).then((cards) => cards[number % site.chunk]);

  const place = (number) =>
    `pictures/${String(Math.floor(number / site.chunk)).padStart(4, "0")}/${String(number % site.chunk).padStart(2, "0")}`;

  const JOINT = "\u001f"; // between the names of classes in an address

  // The names of the classes that `filter` asks for.
  const classesOf = (filter) => (filter.class ? filter.class.split(JOINT) : []);

  // The numbers of these classes, -1 for one that is unknown; null where all are asked for.
  function only(filter) {
    const names = classesOf(filter);
    return names.length ? new Set(names.map((name) => site.classes.findIndex((each) => each.name === name))) : null;
  }

  const ORDERS = {
    name: (one, other) => columns.name[one].localeCompare(columns.name[other]),
    most: (one, other) => columns.objects[other] - columns.objects[one],
    fewest: (one, other) => columns.objects[one] - columns.objects[other],
  };

  // The numbers of the images that match `filter`, in its order. An unknown class or split matches none.
  function select(filter) {
    const { q, split, orientation, finding } = filter;
    const words = (q || "").toLowerCase();
    const classes = only(filter);
    const wanted = {
      split: split ? site.splits.indexOf(split) : null,
      orientation: orientation ? Number(orientation) : null,
      classes: classes && columns.classesSets.map((set) => set.some((label) => classes.has(label))),
      codes: finding && !finding.startsWith("any ") ? whichContain(columns.codesSets, finding) : null,
      worst: finding === "any fault" ? 2 : finding === "any finding" ? 1 : 0,
    };
    const found = [];
    for (let number = 0; number < columns.name.length; number += 1) {
      if (
        (wanted.split === null || columns.split[number] === wanted.split) &&
        (wanted.orientation === null || columns.orientation[number] === wanted.orientation) &&
        (wanted.classes === null || wanted.classes[columns.classes[number]]) &&
        (wanted.codes === null || wanted.codes[columns.codes[number]]) &&
        columns.worst[number] >= wanted.worst &&
        (!words || columns.lower[number].includes(words))
      ) {
        found.push(number);
      }
    }
    return ORDERS[filter.sort] ? found.sort(ORDERS[filter.sort]) : found;
  }

  const whichContain = (sets, value) => sets.map((set) => set.includes(value));

  // Creates an element with attributes (null and false are left out) and children; strings become text, never markup.
  function element(name, attributes = {}, ...children) {
    const made = SVG.has(name)
      ? document.createElementNS("http://www.w3.org/2000/svg", name)
      : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
    }
    made.append(...children.filter((child) => child !== null && child !== ""));
    return made;
  }

  const SVG = new Set(["svg", "g", "rect", "path", "circle", "line", "image"]);
  const count = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

  // The objects of one side in words: "3 person, 1 car".
  function listing(objects) {
    const counts = new Map();
    for (const object of objects) counts.set(object.c, (counts.get(object.c) || 0) + 1);
    const words = [...counts].map(([label, number]) => `${number} ${site.classes[label].name}`);
    return words.length ? words.join(", ") : "no objects";
  }

  return { site, index, chunk, card, place, select, classesOf, only, JOINT, element, count, listing, get columns() { return columns; } };
})());

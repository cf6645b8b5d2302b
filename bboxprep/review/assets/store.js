// What is known of the images: columns to filter by, loaded once; whole cards in chunks, loaded when they are needed.
"use strict";

const Review = (window.Review = (() => {
  const site = JSON.parse(document.getElementById("site").textContent);
  const MOST_CHUNKS = 120; // kept in memory; a chunk that was dropped is loaded again
  const chunks = new Map();
  const waiting = new Map();
  let columns = null;

  function index(given) {
    columns = given;
    columns.lower = given.name.map((name) => name.toLowerCase());
    columns.key = keys(given);
    columns.number = new Map(columns.key.map((key, number) => [key, number]));
    document.dispatchEvent(new Event("review-ready"));
  }

  // One key an image: split and name, with a number where they repeat.
  function keys(given) {
    const seen = new Map();
    return given.name.map((name, number) => {
      const key = [site.splits[given.split[number]], ...name.split("/")].map(encodeURIComponent).join("/");
      const times = (seen.get(key) || 0) + 1;
      seen.set(key, times);
      return times === 1 ? key : `${key}~${times}`;
    });
  }

  function chunk(number, cards) {
    chunks.set(number, cards);
    if (chunks.size > MOST_CHUNKS) chunks.delete(chunks.keys().next().value);
    const { resolve } = waiting.get(number) || {};
    waiting.delete(number);
    if (resolve) resolve(cards);
  }

  function load(number) {
    if (chunks.has(number)) return Promise.resolve(chunks.get(number));
    if (!waiting.has(number)) {
      const entry = {};
      entry.promise = new Promise((resolve, reject) => Object.assign(entry, { resolve, reject }));
      waiting.set(number, entry);
      const script = document.createElement("script");
      script.src = `data/${String(number).padStart(4, "0")}.js`;
      script.onerror = () => {
        waiting.delete(number);
        entry.reject(new Error(`${script.src} cannot be loaded`));
      };
      script.onload = () => script.remove();
      document.head.append(script);
    }
    return waiting.get(number).promise;
  }

  const card = (number) => load(Math.floor(number / site.chunk)).then((cards) => cards[number % site.chunk]);

  const place = (number) =>
    `pictures/${String(Math.floor(number / site.chunk)).padStart(4, "0")}/${String(number % site.chunk).padStart(2, "0")}`;

  // The numbers of the images that pass `filter`, in their order. An unknown class or split passes none.
  function select(filter) {
    const { q, split, orientation, finding } = filter;
    const words = (q || "").toLowerCase();
    const wanted = {
      split: split ? site.splits.indexOf(split) : null,
      orientation: orientation ? Number(orientation) : null,
      classes: filter.class ? having(columns.classesSets, site.classes.findIndex((each) => each.name === filter.class)) : null,
      codes: finding && !finding.startsWith("any ") ? having(columns.codesSets, finding) : null,
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
    return found;
  }

  const having = (sets, value) => sets.map((set) => set.includes(value));

  // An element with attributes (null and false are left out) and children; text is text, never markup.
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

  // What the objects of one side are, in words: "3 person, 1 car".
  function listing(objects) {
    const counts = new Map();
    for (const object of objects) counts.set(object.c, (counts.get(object.c) || 0) + 1);
    const words = [...counts].map(([label, number]) => `${number} ${site.classes[label].name}`);
    return words.length ? words.join(", ") : "no objects";
  }

  return { site, index, chunk, card, place, select, element, count, listing, get columns() { return columns; } };
})());

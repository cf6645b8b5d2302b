// The images that are picked by hand, and the list of them that `bboxprep convert --only-images` takes.
"use strict";

Review.selection = (() => {
  const { count } = Review;
  const bar = document.querySelector("#view-images .selection");
  const [all, none] = bar.querySelectorAll("button");
  const link = bar.querySelector("a");
  const picked = new Set();
  let offered = []; // the images of the filter

  // A path below the source on each line; copies and tiles of an image are one.
  const text = () => [...new Set([...picked].map((number) => Review.columns.path[number]))].sort().map((path) => `${path}\n`).join("");

  function update() {
    bar.querySelector("span").textContent = picked.size ? `${count(picked.size, "image")} selected` : "";
    all.disabled = !offered.length || offered.every((number) => picked.has(number));
    none.hidden = link.hidden = !picked.size;
    link.href = `data:text/plain;charset=utf-8,${encodeURIComponent(text())}`;
    for (const box of document.querySelectorAll(".pick")) box.checked = picked.has(Number(box.dataset.number));
  }

  function offer(numbers) {
    offered = numbers;
    update();
  }

  function toggle(number) {
    if (!picked.delete(number)) picked.add(number);
    update();
  }

  all.addEventListener("click", () => {
    for (const number of offered) picked.add(number);
    update();
  });
  none.addEventListener("click", () => {
    picked.clear();
    update();
  });

  return { has: (number) => picked.has(number), offer, toggle, text };
})();

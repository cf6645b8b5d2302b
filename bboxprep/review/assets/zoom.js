// Zooms and pans all panes together: each shows the same fraction of its own picture.
"use strict";

Review.zoom = (() => {
  const MAX_ZOOM = 40;
  let panes = [];
  let view = { x: 0, y: 0, part: 1 }; // the upper left corner and the side of the visible part, as fractions

  function show(newPanes) {
    panes = newPanes;
    for (const pane of panes) listen(pane);
    reset();
  }

  function reset() {
    view = { x: 0, y: 0, part: 1 };
    apply();
  }

  function apply() {
    const limit = 1 - view.part;
    view.x = Math.min(Math.max(view.x, 0), limit);
    view.y = Math.min(Math.max(view.y, 0), limit);
    for (const { svg, size, place } of panes) {
      const [width, height] = size;
      svg.setAttribute("viewBox", [view.x * width, view.y * height, view.part * width, view.part * height].join(" "));
      svg.classList.toggle("zoomed", view.part < 1);
      place();
    }
  }

  // Zooms by `factor` about a point, a fraction of the visible part.
  function by(factor, x = 0.5, y = 0.5) {
    const part = Math.min(1, Math.max(1 / MAX_ZOOM, view.part / factor));
    view = { x: view.x + x * (view.part - part), y: view.y + y * (view.part - part), part };
    apply();
  }

  function fraction(event, svg) {
    const box = svg.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  function listen({ svg }) {
    svg.addEventListener(
      "wheel",
      (event) => {
        if (!event.ctrlKey && !event.metaKey) return;
        event.preventDefault();
        by(Math.exp(-event.deltaY / 240), ...fraction(event, svg));
      },
      { passive: false },
    );
    svg.addEventListener("dblclick", (event) => by(2, ...fraction(event, svg)));
    svg.addEventListener("pointerdown", (event) => {
      if (view.part === 1) return;
      svg.setPointerCapture(event.pointerId);
      let last = fraction(event, svg);
      const move = (moved) => {
        const now = fraction(moved, svg);
        view.x -= (now[0] - last[0]) * view.part;
        view.y -= (now[1] - last[1]) * view.part;
        last = now;
        apply();
      };
      svg.addEventListener("pointermove", move);
      svg.addEventListener("pointerup", () => svg.removeEventListener("pointermove", move), { once: true });
    });
  }

  return { show, by, reset, place: apply };
})();

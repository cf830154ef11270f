// Tables that sort and can be searched, values over charts at once, commands to copy. Without it the page can be read
// all the same: browsers show the titles of marks by themselves, and downloads are links.
"use strict";
(() => {
  const cells = (row) => Array.from(row.cells, (cell) => cell.textContent.trim());

  const number = (text) => {
    const match = /^[<>=\s]*([+−-]?[\d,]*\.?\d+)/.exec(text);
    return match ? parseFloat(match[1].replace(/,/g, "").replace("−", "-")) : NaN;
  };

  // Numbers by value, other words by letters, and what is missing last either way.
  const order = (a, b, sign) => {
    const missing = [a, b].map((text) => text === "–" || text === "");
    if (missing[0] || missing[1]) return missing[0] - missing[1];
    const [x, y] = [number(a), number(b)];
    if (!Number.isNaN(x) && !Number.isNaN(y) && x !== y) return sign * (x - y);
    return sign * a.localeCompare(b, undefined, { numeric: true });
  };

  const sortable = (table) => {
    const body = table.tBodies[0];
    const first = Array.from(body.rows);
    Array.from(table.tHead.rows[0].cells).forEach((head, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        // Numbers begin with the largest, names with the first letter; the third press gives the first order again.
        const numeric = first.filter((row) => !Number.isNaN(number(cells(row)[place]))).length * 2 > first.length;
        const turns = numeric ? ["descending", "ascending", ""] : ["ascending", "descending", ""];
        const next = turns[(turns.indexOf(head.getAttribute("aria-sort") || "") + 1) % 3];
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        if (next) head.setAttribute("aria-sort", next);
        const keys = new Map(first.map((row) => [row, cells(row)[place]]));
        const sign = next === "descending" ? -1 : 1;
        body.append(...(next ? [...first].sort((a, b) => order(keys.get(a), keys.get(b), sign)) : first));
      });
    });
    return first;
  };

  const searchable = (rows, tools, title) => {
    const box = document.createElement("input");
    box.type = "search";
    box.placeholder = "only rows with …";
    box.setAttribute("aria-label", `Only rows of “${title}” with these words`);
    const texts = rows.map((row) => row.textContent.toLowerCase());
    box.addEventListener("input", () => {
      const words = box.value.toLowerCase().split(/\s+/);
      rows.forEach((row, place) => (row.hidden = !words.every((word) => texts[place].includes(word))));
    });
    tools.prepend(box);
  };

  for (const table of document.querySelectorAll(".wide > table")) {
    if (table.tBodies[0].rows.length < 2) continue;
    const rows = sortable(table);
    const tools = table.parentElement.nextElementSibling;
    if (rows.length > 12 && tools && tools.classList.contains("tools")) {
      searchable(rows, tools, table.caption.textContent);
    }
  }

  const tip = document.createElement("div");
  tip.id = "tip";
  tip.hidden = true;
  document.body.append(tip);
  const said = new WeakMap();
  for (const title of document.querySelectorAll("svg.chart title")) {
    said.set(title.parentElement, title.textContent);
    title.remove();
  }
  const point = (event) => {
    const words = said.get(event.target);
    tip.hidden = !words;
    if (!words) return;
    tip.textContent = words;
    const right = Math.min(event.clientX + 14, window.innerWidth - tip.offsetWidth - 4);
    const below = event.clientY + 18;
    tip.style.left = `${Math.max(4, right)}px`;
    tip.style.top = `${below + tip.offsetHeight > window.innerHeight ? event.clientY - tip.offsetHeight - 8 : below}px`;
  };
  document.addEventListener("pointermove", point);
  document.addEventListener("pointerdown", point);
  document.addEventListener("scroll", () => (tip.hidden = true), { passive: true });

  if (navigator.clipboard) {
    for (const block of document.querySelectorAll("pre")) {
      const words = block.textContent;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copy";
      button.textContent = "copy";
      button.addEventListener("click", () => {
        navigator.clipboard.writeText(words).then(
          () => (button.textContent = "copied"),
          () => (button.textContent = "cannot copy"),
        );
      });
      block.append(button);
    }
  }

  window.addEventListener("beforeprint", () => {
    for (const part of document.querySelectorAll("details")) part.open = true;
  });
})();

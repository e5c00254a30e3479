"use strict";

/* The list of models: search, filters, sorting. */
function list(table) {
  const rows = [...table.tBodies[0].rows];
  const search = document.getElementById("search");
  const selects = [...document.querySelectorAll("[data-filter]")];
  const count = document.getElementById("count");
  const fold = (text) => text.normalize("NFKC").toLowerCase();

  function filter() {
    const words = fold(search.value).split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = fold([row.dataset.id, row.dataset.kind, row.dataset.licence, row.dataset.text].join(" "));
      const chosen = selects.every((s) => s.selectedIndex === 0 || row.dataset[s.dataset.filter] === s.value);
      row.hidden = !(chosen && words.every((word) => text.includes(word)));
      shown += row.hidden ? 0 : 1;
    }
    const all = `${rows.length} model${rows.length === 1 ? "" : "s"}`;
    count.textContent = shown === rows.length ? all : `${shown} of ${all}`;
  }

  function compare(one, other) {
    // What has no figure comes last, whichever way the others are sorted.
    const figures = [one, other].map((text) => (text === "" ? NaN : Number(text)));
    return figures.some(Number.isNaN) ? one.localeCompare(other, "en") : figures[0] - figures[1];
  }

  function sort(button) {
    const head = button.closest("th");
    const descendingFirst = "descending" in button.dataset;
    const was = head.getAttribute("aria-sort");
    const descending = was ? was === "ascending" : descendingFirst;
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const key = button.dataset.sort;
    const empty = (row) => row.dataset[key] === "";
    rows.sort((a, b) => empty(a) - empty(b) || (descending ? -1 : 1) * compare(a.dataset[key], b.dataset[key]));
    table.tBodies[0].append(...rows);
  }

  search.addEventListener("input", filter);
  for (const select of selects) select.addEventListener("change", filter);
  for (const button of table.querySelectorAll("[data-sort]")) button.addEventListener("click", () => sort(button));
  filter(); // a browser keeps what was typed when it comes back to a page
}

/* The comparison of models, chosen by hand or by the address: compare.html#first,second. */
function comparison(table) {
  const models = JSON.parse(document.getElementById("models").textContent);
  const selects = [...document.querySelectorAll("[data-choice]")];
  const count = document.getElementById("count");

  function cell(row, kind, text) {
    const made = document.createElement(kind);
    if (kind === "th") made.scope = row.closest("thead") ? "col" : "row";
    const words = document.createElement("bdi");
    words.textContent = text;
    made.append(words);
    row.append(made);
  }

  function section(chosen, part) {
    const body = table.createTBody();
    for (const name of new Set(chosen.flatMap((model) => Object.keys(model[part])))) {
      const row = body.insertRow();
      cell(row, "th", name);
      for (const model of chosen) {
        const value = model[part][name];
        cell(row, "td", value === undefined ? "none" : typeof value === "number" ? value.toFixed(4) : value);
      }
    }
  }

  function draw() {
    const chosen = selects.filter((s) => s.value !== "").map((s) => models[Number(s.value)]);
    table.replaceChildren();
    count.textContent = chosen.length < 2 ? "Choose two models or more." : `${chosen.length} models`;
    if (chosen.length < 2) return;
    const head = table.createTHead().insertRow();
    cell(head, "td", "");
    for (const model of chosen) cell(head, "th", model.id);
    section(chosen, "facts");
    section(chosen, "figures");
  }

  const asked = decodeURIComponent(location.hash.slice(1)).split(",");
  selects.forEach((select, place) => {
    const found = models.findIndex((model) => model.id === asked[place]);
    if (found >= 0) select.value = String(found);
    select.addEventListener("change", draw);
  });
  draw();
}

const models = document.querySelector("table.models");
if (models) list(models);
const compared = document.getElementById("comparison");
if (compared) comparison(compared);

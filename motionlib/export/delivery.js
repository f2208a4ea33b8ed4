"use strict";
/* The table of files: sorts by a click on a head, filters by words and verdict. Lines are lists in the order of HEADS. */
(() => {
  const HEADS = [
    ["File", ""], ["Verdict", ""], ["Reasons", ""], ["Remarks", ""], ["s", "number"], ["Hz", "number"],
    ["Joints", "number"], ["Captions", "number"], ["Licence", ""],
  ];
  const [PATH, VERDICT, REASONS, REMARKS, LICENCE, MESSAGE] = [0, 1, 2, 3, 8, 9];
  const RANK = { quarantine: 0, repair: 1, accept: 2 };
  const STEP = 100;
  const lines = JSON.parse(document.getElementById("file-lines").textContent);
  const table = document.querySelector("table.files");
  const [search, verdict] = document.querySelectorAll(".filter input, .filter select");
  const shown = document.querySelector(".filter .shown");
  const more = document.querySelector("button.more");
  const state = { column: VERDICT, down: false, count: STEP };

  const make = (tag, name, parent, text) => {
    const element = document.createElement(tag);
    if (name) element.className = name;
    if (text !== undefined && text !== null) element.textContent = text;
    parent.append(element);
    return element;
  };

  const value = (line, column) => (column === VERDICT ? RANK[line[column]] : line[column]);
  const compare = (a, b) => {
    const [x, y] = [value(a, state.column), value(b, state.column)];
    if (x === y) return a[PATH] < b[PATH] ? -1 : 1;
    if (x === null || y === null) return x === null ? 1 : -1; // what is not known stands last, whatever the order
    return (x < y ? -1 : 1) * (state.down ? -1 : 1);
  };

  const wanted = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    return lines.filter((line) => {
      if (verdict.value && line[VERDICT] !== verdict.value) return false;
      const text = [PATH, REASONS, REMARKS, LICENCE, MESSAGE].map((column) => line[column]).join("\n").toLowerCase();
      return words.every((word) => text.includes(word));
    }).sort(compare);
  };

  const addRow = (body, line) => {
    const row = make("tr", "", body);
    HEADS.forEach(([, kind], column) => {
      const cell = make("td", kind, row);
      if (column === VERDICT) make("span", `pill ${line[column]}`, cell, line[column]);
      else cell.append(line[column] === null ? "–" : String(line[column]));
      if (column === REASONS && line[MESSAGE]) make("small", "", cell, line[MESSAGE]);
    });
  };

  const show = () => {
    const found = wanted();
    table.textContent = "";
    const head = make("tr", "", make("thead", "", table));
    HEADS.forEach(([name, kind], column) => {
      const cell = make("th", kind, head, name);
      if (column === state.column) cell.setAttribute("aria-sort", state.down ? "descending" : "ascending");
      cell.addEventListener("click", () => {
        Object.assign(state, { down: state.column === column && !state.down, column, count: STEP });
        show();
      });
    });
    const body = make("tbody", "", table);
    found.slice(0, state.count).forEach((line) => addRow(body, line));
    shown.textContent = `${found.length} of ${lines.length}`;
    more.hidden = found.length <= state.count;
  };

  const anew = () => { state.count = STEP; show(); };
  search.addEventListener("input", anew);
  verdict.addEventListener("change", anew);
  more.addEventListener("click", () => { state.count += 5 * STEP; show(); });
  show();
})();

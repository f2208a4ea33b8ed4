"use strict";
/* The token dictionary: a wall of codes that move, a map and a table to choose from, and the chosen code in full.
   Input: the JSON script element `dictionary`: {levels: [{number, size, used, facts, playing, entries}], clips}. */
(() => {
  const { mount, unmount, decode, drawPanel, colours, middle } = window.motionPlayer;
  const data = JSON.parse(document.getElementById("dictionary").textContent);
  const STEP = 60, ROWS = 100, WALL_HERTZ = 20, REST = 0.25; // codes and lines shown at once; Hz; s on the last pose
  const find = (name) => document.querySelector(name);
  const [wall, detail, map, table] = [".wall", ".detail", "canvas.map", "table.all"].map(find);
  const [search, which, order, levelChoice] = [".tools input", ".which", ".order", ".level"].map(find);
  const state = { level: data.levels[0], code: null, count: STEP, rows: ROWS, column: "count", down: true, under: null };

  const make = (tag, name, parent, text) => {
    const element = document.createElement(tag);
    if (name) element.className = name;
    if (text !== undefined && text !== null) element.textContent = text;
    if (parent) parent.append(element);
    return element;
  };
  const percent = (share) => (share >= 0.0995 ? `${(100 * share).toFixed(0)} %` : `${(100 * share).toPrecision(2)} %`);
  const number = (value, digits = 0) => value.toLocaleString("en", { maximumFractionDigits: digits, minimumFractionDigits: digits });
  const dead = (entry) => entry.count === 0;
  const later = () => state.level.number > 0;

  /* name, key, how it is shown, more first, whether only later codebooks have it */
  const COLUMNS = [
    ["Code", "code", (e) => String(e.code), false],
    ["Uses", "count", (e) => number(e.count), true],
    ["Share", "share", (e) => (dead(e) ? "–" : percent(e.share)), true],
    ["Bits to the next", "bits", (e) => (dead(e) ? "–" : number(e.bits, 2)), true],
    ["Spread, mm", "spread", (e) => (dead(e) ? "–" : number(e.spread)), true],
    ["Moves joints, mm", "effect", (e) => number(e.effect, 1), true, true],
    ["Speed, m/s", "speed", (e) => (dead(e) ? "–" : number(e.speed, 2)), true],
    ["Nearest, mm", "nearest", (e) => number(e.nearest, 1), false],
    ["Marks", "mark", (e) => marks(e).map(([, text]) => text).join(", "), true],
  ];
  const columns = () => COLUMNS.filter((column) => !column[4] || later());
  const marks = (entry) => [
    ...(dead(entry) ? [["dead", "never used"]] : []),
    ...(entry.alike.length ? [["alike", `same as ${entry.alike.join(", ")}`]] : []),
  ];

  for (const level of data.levels) {
    level.byCode = new Map(level.entries.map((entry) => [entry.code, entry]));
    for (const entry of level.entries) {
      entry.nearest = entry.near.length ? entry.near[0][1] : 0;
      entry.mark = (dead(entry) ? 2 : 0) + (entry.alike.length ? 1 : 0);
      entry.text = entry.examples.flatMap(([clip]) => data.clips[clip]).join("\n").toLowerCase();
    }
    const option = make("option", "", levelChoice, `codebook ${level.number}`);
    option.value = String(level.number);
  }
  levelChoice.hidden = data.levels.length === 1;

  const fillOrder = () => {
    order.replaceChildren();
    for (const [name, key, , more] of columns()) {
      if (key === "mark" || key === "share") continue;
      for (const down of more ? [true, false] : [false, true]) {
        const option = make("option", "", order, `${name}, ${down ? "descending" : "ascending"}`);
        option.value = `${key} ${down}`;
      }
    }
    order.value = `${state.column} ${state.down}`;
  };

  const compare = (a, b) => {
    const [x, y] = [a[state.column], b[state.column]];
    return x === y ? a.code - b.code : (x < y ? -1 : 1) * (state.down ? -1 : 1);
  };
  const KINDS = { "": () => true, living: (e) => !dead(e), dead, alike: (e) => e.alike.length > 0 };
  const wanted = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const says = (entry, word) => (/^\d+$/.test(word) ? String(entry.code) === word : entry.text.includes(word));
    return state.level.entries.filter((e) => KINDS[which.value](e) && words.every((word) => says(e, word))).sort(compare);
  };

  /* The wall: each code that plays moves in a canvas of its own while it can be seen. */
  let look = colours(wall), panels = [];
  const seen = new IntersectionObserver((entries) => entries.forEach((e) => { e.target.panel.visible = e.isIntersecting; }));
  const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;

  const addCode = (entry, most) => {
    const button = make("button", "code", wall);
    button.type = "button"; button.dataset.code = entry.code;
    button.setAttribute("aria-pressed", String(entry === state.code));
    if (entry.motions) {
      const canvas = make("canvas", "", button);
      const motion = decode(entry.motions[Math.min(1, entry.motions.length - 1)]);
      canvas.panel = { canvas, motion, middle: middle(motion), visible: false, drawn: false };
      panels.push(canvas.panel);
      seen.observe(canvas);
    } else make("span", "still", button, "does not play here");
    const name = make("span", "name", button);
    make("span", "", name, String(entry.code));
    marks(entry).forEach(([kind]) => make("span", `pill ${kind}`, name, kind === "dead" ? "never" : "alike"));
    const share = make("span", "share", button);
    make("span", "", share, dead(entry) ? "–" : percent(entry.share));
    make("span", "", share, dead(entry) ? "" : `${number(entry.bits, 1)} bits`).title = "entropy of the next code";
    make("i", "", make("span", "bar", button)).style.width = `${(100 * entry.share) / most}%`;
    button.addEventListener("click", () => choose(entry, false));
  };

  const bareStage = (panel, time) => ({
    time, follow: true, trails: false, bare: true, look, camera: { yaw: 0.62, pitch: 0.16, zoom: 1.2 }, panels: [panel],
  });
  let turn = 0, lastWall = 0;
  const moveWall = (now) => {
    requestAnimationFrame(moveWall);
    if (now - lastWall < 1000 / WALL_HERTZ) return;
    turn += still ? 0 : Math.min(0.1, (now - lastWall) / 1000);
    lastWall = now;
    for (const panel of panels) {
      if (!panel.visible || (still && panel.drawn)) continue;
      drawPanel(panel, bareStage(panel, turn % (panel.motion.seconds + REST)));
      panel.drawn = true;
    }
  };

  const show = () => {
    const found = wanted();
    seen.disconnect(); panels = [];
    wall.replaceChildren();
    const most = Math.max(...state.level.entries.map((entry) => entry.share), 1e-9);
    found.slice(0, state.count).forEach((entry) => addCode(entry, most));
    if (!found.length) make("p", "soft", wall, "No code is like that.");
    find(".found").textContent = `${number(found.length)} of ${number(state.level.entries.length)}`;
    find("button.more").hidden = found.length <= state.count;
    find(".facts").textContent = state.level.facts.join(" · ");
    showTable(found);
    drawMap();
  };

  const showTable = (found) => {
    table.replaceChildren();
    const head = make("tr", "", make("thead", "", table));
    for (const [name, key, , more] of columns()) {
      const cell = make("th", key === "code" || key === "mark" ? "" : "number", head, name);
      if (key === state.column) cell.setAttribute("aria-sort", state.down ? "descending" : "ascending");
      cell.addEventListener("click", () => sortBy(key, state.column === key ? !state.down : more));
    }
    const body = make("tbody", "", table);
    for (const entry of found.slice(0, state.rows)) {
      const row = make("tr", "", body);
      for (const [, key, shown] of columns()) make("td", key === "code" || key === "mark" ? "" : "number", row, shown(entry));
      row.addEventListener("click", () => { choose(entry, false); detail.scrollIntoView({ block: "nearest" }); });
    }
    find("button.more-rows").hidden = found.length <= state.rows;
  };

  const sortBy = (column, down) => {
    Object.assign(state, { column, down, count: STEP, rows: ROWS });
    order.value = `${column} ${down}`;
    show();
  };

  /* The chosen code in full. */
  const choose = (entry, scroll) => {
    state.code = entry;
    for (const button of wall.querySelectorAll(".code")) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.code) === entry.code));
    }
    const old = detail.querySelector(".player");
    if (old) unmount(old);
    detail.replaceChildren();
    const header = make("header", "", detail);
    make("h2", "", header, `Code ${entry.code}`);
    marks(entry).forEach(([kind, text]) => make("span", `pill ${kind}`, header, text));
    if (entry.motions) mount(make("section", "stage player", detail), entry.motions);
    else make("p", "soft", detail, "Only the more frequent codes play on this page.");
    addNumbers(entry);
    addLinks(entry);
    addSeen(entry);
    drawMap();
    if (scroll && window.matchMedia("(max-width: 1060px)").matches) detail.scrollIntoView({ block: "start" });
  };

  const addNumbers = (entry) => {
    const box = make("div", "numbers", detail);
    const add = (value, label, title) => {
      const one = make("div", "", box);
      make("b", "", one, value); one.append(label); one.title = title;
    };
    add(number(entry.count), "uses", "steps of the library that are this code");
    if (dead(entry)) return;
    add(percent(entry.share), "of all steps", "");
    add(number(entry.bits, 2), "bits to the next", "entropy of the code that comes after it");
    add(`${number(entry.spread)} mm`, "spread inside", "how far the real motions behind it are from each other");
    if (later()) add(`${number(entry.effect, 1)} mm`, "moves joints", "from where the most frequent code puts them");
    add(`${number(entry.speed, 2)} m/s`, "over the floor", "speed of the pelvis");
  };

  const addLinks = (entry) => {
    const box = make("div", "links", detail);
    const add = (label, pairs, shown) => {
      if (!pairs.length) return;
      make("span", "soft", box, label);
      const chips = make("span", "chips", box);
      for (const [code, value] of pairs) {
        const chip = make("button", "chip", chips, `${code} `);
        chip.type = "button";
        make("small", "", chip, shown(value));
        const target = state.level.byCode.get(code);
        chip.disabled = !target;
        chip.addEventListener("click", () => choose(target, true));
      }
    };
    add("moves like", entry.near, (mm) => `${number(mm)} mm`);
    add("then comes", entry.following, percent);
    add("before came", entry.before, percent);
    add("goes with", entry.companions, (lift) => `×${number(lift, lift < 10 ? 1 : 0)}`);
  };

  const addSeen = (entry) => {
    if (!entry.examples.length) return;
    const box = make("div", "seen", detail);
    make("h3", "", box, "Nearest real motion");
    const list = make("ol", "", box);
    for (const [clip, frame, mm] of entry.examples) {
      const [name, licence, delivery, split] = data.clips[clip];
      const line = make("li", "", list);
      make("code", "", line, name);
      line.append(` from frame ${number(frame)} `);
      make("span", "soft", line, `· ${number(mm)} mm from what is usual · ${licence} · delivery ${delivery} · ${split}`);
    }
  };

  /* The map. */
  const mapped = () => {
    const entries = state.level.entries, size = [map.clientWidth, map.clientHeight];
    const reach = (key) => [Math.min(...entries.map((e) => e[key])), Math.max(...entries.map((e) => e[key]))];
    const [[left, right], [low, high]] = [reach("x"), reach("y")];
    const scale = Math.min((size[0] - 40) / Math.max(right - left, 1e-9), (size[1] - 60) / Math.max(high - low, 1e-9));
    const flip = size[0] > size[1] && high - low > right - left; // lie along the longer side
    const wide = flip ? Math.min((size[0] - 40) / (high - low), (size[1] - 60) / Math.max(right - left, 1e-9)) : scale;
    return (e) => {
      const [x, y] = [e.x - (left + right) / 2, e.y - (low + high) / 2];
      return flip ? [size[0] / 2 + y * wide, size[1] / 2 + 10 - x * wide] : [size[0] / 2 + x * scale, size[1] / 2 + 10 - y * scale];
    };
  };
  const drawMap = () => {
    const ratio = window.devicePixelRatio || 1, [width, height] = [map.clientWidth, map.clientHeight];
    if (!width || !height) return;
    map.width = Math.round(width * ratio); map.height = Math.round(height * ratio);
    const pen = map.getContext("2d"), place = mapped(), found = new Set(wanted());
    const style = getComputedStyle(map), [accent, path, soft, ink] = ["--accent", "--path", "--soft", "--ink"].map((name) => style.getPropertyValue(name).trim());
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    for (const entry of [...state.level.entries].reverse()) {
      const [x, y] = place(entry);
      pen.globalAlpha = found.has(entry) ? 0.75 : 0.12;
      pen.beginPath();
      if (dead(entry)) {
        pen.moveTo(x - 3, y - 3); pen.lineTo(x + 3, y + 3); pen.moveTo(x + 3, y - 3); pen.lineTo(x - 3, y + 3);
        pen.strokeStyle = soft; pen.stroke();
        continue;
      }
      pen.arc(x, y, 2.2 + 70 * Math.sqrt(entry.share / Math.PI) , 0, 2 * Math.PI);
      pen.fillStyle = `color-mix(in srgb, ${path} ${Math.min(100, 65 * entry.speed)}%, ${accent})`;
      pen.fill();
    }
    pen.globalAlpha = 1;
    for (const [entry, wide] of [[state.under, 1.5], [state.code, 2.5]]) {
      if (!entry || !state.level.byCode.has(entry.code)) continue;
      const [x, y] = place(entry);
      pen.beginPath(); pen.arc(x, y, 6 + 70 * Math.sqrt(entry.share / Math.PI), 0, 2 * Math.PI);
      pen.strokeStyle = ink; pen.lineWidth = wide; pen.stroke();
    }
    find(".under").textContent = state.under ? `code ${state.under.code}` : "";
  };
  const nearestTo = (event) => {
    const box = map.getBoundingClientRect(), place = mapped();
    const away = (e) => { const [x, y] = place(e); return Math.hypot(x - event.clientX + box.left, y - event.clientY + box.top); };
    const best = state.level.entries.reduce((a, b) => (away(b) < away(a) ? b : a));
    return away(best) < 30 ? best : null;
  };
  map.addEventListener("pointermove", (event) => {
    const under = nearestTo(event);
    if (under !== state.under) { state.under = under; drawMap(); }
  });
  map.addEventListener("pointerleave", () => { state.under = null; drawMap(); });
  map.addEventListener("click", (event) => { const entry = nearestTo(event); if (entry) choose(entry, true); });
  new ResizeObserver(() => drawMap()).observe(map);
  document.addEventListener("motionlib-theme", () => {
    look = colours(wall);
    panels.forEach((panel) => { panel.drawn = false; });
    drawMap();
  });

  const anew = () => { Object.assign(state, { count: STEP, rows: ROWS }); show(); };
  search.addEventListener("input", anew);
  which.addEventListener("change", anew);
  order.addEventListener("change", () => { const [column, down] = order.value.split(" "); sortBy(column, down === "true"); });
  levelChoice.addEventListener("change", () => {
    Object.assign(state, { level: data.levels.find((one) => String(one.number) === levelChoice.value), column: "count", down: true, under: null });
    fillOrder(); anew(); choose(wanted()[0] || state.level.entries[0], false);
  });
  find("button.more").addEventListener("click", () => { state.count += 2 * STEP; show(); });
  find("button.more-rows").addEventListener("click", () => { state.rows += 5 * ROWS; show(); });
  fillOrder(); show(); choose(state.level.entries[0], false);
  requestAnimationFrame(moveWall);
})();

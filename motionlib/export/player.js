"use strict";
/* Plays motions of 22 joints in 3D on 2D canvases: no library, no request. Input: elements with class `stage` and
   a data-motions attribute that names a JSON script element: a list of {title, text, fps, scale, joints}, joints being
   base64 of little-endian int16 (T, 22, 3) in units of `scale` metres, y up; and where it has faults, `marks`: a list
   of {start, end, text, joints}, seconds and the numbers of joints. Pages that show motions as they are asked for use
   `motionPlayer`. */
(() => {
  const JOINTS = 22;
  // Parent, child, thickness in metres, side (0 middle, 1 left, 2 right).
  const BONES = [
    [0, 1, 0.13, 1], [1, 4, 0.13, 1], [4, 7, 0.095, 1], [7, 10, 0.07, 1],
    [0, 2, 0.13, 2], [2, 5, 0.13, 2], [5, 8, 0.095, 2], [8, 11, 0.07, 2],
    [0, 3, 0.19, 0], [3, 6, 0.19, 0], [6, 9, 0.2, 0], [9, 12, 0.12, 0], [12, 15, 0.08, 0],
    [9, 13, 0.13, 1], [13, 16, 0.11, 1], [16, 18, 0.085, 1], [18, 20, 0.065, 1],
    [9, 14, 0.13, 2], [14, 17, 0.11, 2], [17, 19, 0.085, 2], [19, 21, 0.065, 2],
  ];
  const HEAD = 15, NECK = 12, FEET = [[10, 1], [11, 2]];
  const HEAD_RADIUS = 0.105, HAND_RADIUS = 0.042;
  const TRAIL_SECONDS = 1.5, GRID_STEP = 0.5, GRID_REACH = 4, EYE_DISTANCE = 4.3, LENS = 1.75;
  const HOME = { yaw: 0.62, pitch: 0.2, zoom: 1 };

  const decode = (motion) => {
    const bytes = Uint8Array.from(atob(motion.joints), (c) => c.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    const values = new Float32Array(bytes.length / 2);
    for (let i = 0; i < values.length; i += 1) values[i] = view.getInt16(2 * i, true) * motion.scale;
    const frames = values.length / (3 * JOINTS);
    return { ...motion, values, frames, seconds: (frames - 1) / motion.fps };
  };

  /* (x, y, z) of one joint at a frame that may lie between two. */
  const at = (motion, frame, joint) => {
    const low = Math.max(0, Math.min(motion.frames - 1, Math.floor(frame)));
    const high = Math.min(motion.frames - 1, low + 1);
    const share = Math.min(1, Math.max(0, frame - low));
    const a = (low * JOINTS + joint) * 3, b = (high * JOINTS + joint) * 3, v = motion.values;
    return [0, 1, 2].map((i) => v[a + i] + (v[b + i] - v[a + i]) * share);
  };

  /* Where the eye looks: the pelvis, averaged over a second so that steps do not shake the picture. */
  const followed = (motion, frame) => {
    const reach = motion.fps / 2, sum = [0, 0];
    for (let k = -4; k <= 4; k += 1) {
      const p = at(motion, Math.max(0, Math.min(motion.frames - 1, frame + (k * reach) / 4)), 0);
      sum[0] += p[0] / 9; sum[1] += p[2] / 9;
    }
    return [sum[0], 0.85, sum[1]];
  };

  const middle = (motion) => {
    let low = [Infinity, Infinity], high = [-Infinity, -Infinity];
    for (let f = 0; f < motion.frames; f += 1) {
      const p = at(motion, f, 0);
      low = [Math.min(low[0], p[0]), Math.min(low[1], p[2])];
      high = [Math.max(high[0], p[0]), Math.max(high[1], p[2])];
    }
    const reach = Math.hypot(high[0] - low[0], high[1] - low[1]);
    return { target: [(low[0] + high[0]) / 2, 0.85, (low[1] + high[1]) / 2], reach };
  };

  const colours = (element) => {
    const style = getComputedStyle(element);
    const get = (name) => style.getPropertyValue(name).trim();
    return {
      sides: [get("--body"), get("--left"), get("--right")], edge: get("--edge"),
      grid: get("--grid"), path: get("--path"), shadow: get("--shadow"), fault: get("--bad"),
    };
  };

  const projector = (width, height, camera, target) => {
    const [cy, sy, cp, sp] = [Math.cos(camera.yaw), Math.sin(camera.yaw), Math.cos(camera.pitch), Math.sin(camera.pitch)];
    const focal = LENS * Math.min(height, width * 1.15);
    const distance = EYE_DISTANCE / camera.zoom;
    return (p) => {
      const x = p[0] - target[0], y = p[1] - target[1], z = p[2] - target[2];
      const right = x * cy - z * sy, ahead = x * sy + z * cy;
      const up = y * cp - ahead * sp, depth = distance - (ahead * cp + y * sp);
      const size = focal / Math.max(depth, 0.2);
      return { x: width / 2 + right * size, y: height * 0.52 - up * size, depth, size, seen: depth > 0.25 };
    };
  };

  const line = (pen, a, b) => { pen.beginPath(); pen.moveTo(a.x, a.y); pen.lineTo(b.x, b.y); pen.stroke(); };

  const drawGrid = (pen, project, target, colour) => {
    const snap = (v) => Math.round(v / GRID_STEP) * GRID_STEP;
    const [ox, oz] = [snap(target[0]), snap(target[2])];
    pen.strokeStyle = colour; pen.lineWidth = 1;
    for (let i = -GRID_REACH; i <= GRID_REACH; i += GRID_STEP) {
      for (let k = -GRID_REACH; k < GRID_REACH; k += GRID_STEP) {
        const away = Math.hypot(i, k + GRID_STEP / 2) / GRID_REACH;
        if (away >= 1) continue;
        pen.globalAlpha = (1 - away) ** 1.3;
        for (const [a, b] of [[[ox + i, 0, oz + k], [ox + i, 0, oz + k + GRID_STEP]], [[ox + k, 0, oz + i], [ox + k + GRID_STEP, 0, oz + i]]]) {
          const [from, to] = [project(a), project(b)];
          if (from.seen && to.seen) line(pen, from, to);
        }
      }
    }
    pen.globalAlpha = 1;
  };

  const drawPath = (pen, project, motion, frame, colour) => {
    pen.strokeStyle = colour;
    for (const [from, to, alpha, width] of [[0, motion.frames - 1, 0.35, 1.25], [0, frame, 0.95, 2]]) {
      pen.globalAlpha = alpha; pen.lineWidth = width; pen.beginPath();
      let started = false;
      for (let f = from; f <= to; f += 1) {
        const p = at(motion, f, 0), s = project([p[0], 0.002, p[2]]);
        if (!s.seen) { started = false; continue; }
        if (started) pen.lineTo(s.x, s.y); else pen.moveTo(s.x, s.y);
        started = true;
      }
      pen.stroke();
    }
    pen.globalAlpha = 1;
  };

  const drawTrail = (pen, project, motion, frame, sides) => {
    pen.lineWidth = 1.75;
    const length = TRAIL_SECONDS * motion.fps;
    for (const [joint, side] of FEET) {
      pen.strokeStyle = sides[side];
      for (let f = Math.max(0, Math.floor(frame - length)); f < Math.floor(frame); f += 1) {
        const [a, b] = [project(at(motion, f, joint)), project(at(motion, f + 1, joint))];
        pen.globalAlpha = 0.85 * (1 - (frame - f) / (length + 1));
        if (a.seen && b.seen) line(pen, a, b);
      }
    }
    pen.globalAlpha = 1;
  };

  const drawBody = (pen, project, motion, frame, look) => {
    const joints = Array.from({ length: JOINTS }, (_, j) => at(motion, frame, j));
    const seen = joints.map(project);
    const floor = joints.map((p) => project([p[0], 0.001, p[2]]));
    pen.lineCap = "round"; pen.lineJoin = "round";
    pen.strokeStyle = look.shadow; pen.beginPath();
    for (const [a, b] of BONES) { pen.moveTo(floor[a].x, floor[a].y); pen.lineTo(floor[b].x, floor[b].y); }
    pen.lineWidth = 0.11 * floor[0].size; pen.stroke();

    const headUp = joints[HEAD].map((v, i) => v + 0.35 * (v - joints[NECK][i]));
    const parts = BONES.map(([a, b, thick, side]) => ({
      depth: (seen[a].depth + seen[b].depth) / 2,
      draw: () => {
        const width = (thick * (seen[a].size + seen[b].size)) / 2;
        pen.strokeStyle = look.edge; pen.lineWidth = width + 1.6; line(pen, seen[a], seen[b]);
        pen.strokeStyle = look.sides[side]; pen.lineWidth = width; line(pen, seen[a], seen[b]);
      },
    }));
    const ball = (point, radius, colour) => {
      const p = project(point);
      parts.push({
        depth: p.depth - 0.02,
        draw: () => {
          pen.beginPath(); pen.arc(p.x, p.y, radius * p.size, 0, 2 * Math.PI);
          pen.fillStyle = colour; pen.fill(); pen.strokeStyle = look.edge; pen.lineWidth = 0.8; pen.stroke();
        },
      });
    };
    ball(headUp, HEAD_RADIUS, look.sides[0]);
    ball(joints[20], HAND_RADIUS, look.sides[1]);
    ball(joints[21], HAND_RADIUS, look.sides[2]);
    parts.sort((a, b) => b.depth - a.depth).forEach((part) => part.draw());
  };

  /* What is wrong now: its name, and a ring around each joint that it touches. */
  const drawMarks = (pen, project, motion, frame, colour) => {
    const time = frame / motion.fps;
    const now = (motion.marks || []).filter((mark) => time >= mark.start - 0.02 && time <= mark.end + 0.02);
    pen.strokeStyle = colour; pen.fillStyle = colour; pen.lineWidth = 2.5;
    pen.font = "600 12.5px system-ui, sans-serif";
    [...new Set(now.map((mark) => mark.text))].forEach((text, row) => pen.fillText(text, 12, 46 + 17 * row));
    for (const joint of new Set(now.flatMap((mark) => mark.joints))) {
      const p = project(at(motion, frame, joint));
      pen.beginPath(); pen.arc(p.x, p.y, 0.13 * p.size, 0, 2 * Math.PI); pen.stroke();
    }
  };

  const drawPanel = (panel, stage) => {
    const { canvas, motion } = panel;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!width || !height) return;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio);
    }
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const frame = Math.min(stage.time, motion.seconds) * motion.fps;
    const target = stage.follow ? followed(motion, frame) : panel.middle.target;
    const zoom = stage.follow ? stage.camera.zoom : stage.camera.zoom / Math.max(1, (panel.middle.reach + 1.6) / 2.6);
    const project = projector(width, height, { ...stage.camera, zoom }, target);
    if (!stage.bare) drawGrid(pen, project, target, stage.look.grid);
    if (stage.trails) {
      drawPath(pen, project, motion, frame, stage.look.path);
      drawTrail(pen, project, motion, frame, stage.look.sides);
    }
    drawBody(pen, project, motion, frame, stage.look);
    drawMarks(pen, project, motion, frame, stage.look.fault);
  };

  const make = (tag, name, parent, text) => {
    const element = document.createElement(tag);
    if (name) element.className = name;
    if (text !== undefined) element.textContent = text;
    if (parent) parent.append(element);
    return element;
  };

  const addPanel = (stage, grid, motion) => {
    const figure = make("figure", "panel", grid);
    const canvas = make("canvas", "", figure);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `${motion.title}: ${motion.text}`);
    const caption = make("figcaption", "", figure);
    make("span", "panel-title", caption, motion.title);
    make("span", "panel-seconds", caption, `${motion.seconds.toFixed(1)} s`);
    stage.panels.push({ canvas, motion, middle: middle(motion) });
    let last = null;
    canvas.addEventListener("pointerdown", (e) => { last = [e.clientX, e.clientY]; canvas.setPointerCapture(e.pointerId); });
    canvas.addEventListener("pointermove", (e) => {
      if (!last) return;
      stage.camera.yaw -= (e.clientX - last[0]) * 0.008;
      stage.camera.pitch = Math.max(-0.1, Math.min(1.5, stage.camera.pitch + (e.clientY - last[1]) * 0.006));
      last = [e.clientX, e.clientY]; stage.dirty = true;
    });
    const release = () => { last = null; };
    canvas.addEventListener("pointerup", release);
    canvas.addEventListener("pointercancel", release);
    canvas.addEventListener("wheel", (e) => {
      e.preventDefault();
      stage.camera.zoom = Math.max(0.25, Math.min(5, stage.camera.zoom * Math.exp(-e.deltaY * 0.0012)));
      stage.dirty = true;
    }, { passive: false });
  };

  /* A strip above the controls that shows when something is wrong; a click goes there. */
  const addMarks = (stage, root) => {
    const all = stage.panels.flatMap((panel) => panel.motion.marks || []);
    if (!all.length) return;
    const strip = make("div", "marks", root);
    for (const mark of all) {
      const part = make("button", "", strip);
      part.type = "button"; part.title = `${mark.text}, ${mark.start.toFixed(2)} to ${mark.end.toFixed(2)} s`;
      part.setAttribute("aria-label", part.title);
      part.style.left = `${(100 * mark.start) / stage.seconds}%`;
      part.style.width = `${(100 * (mark.end - mark.start)) / stage.seconds}%`;
      part.addEventListener("click", () => { stage.playing = false; stage.time = mark.start; stage.dirty = true; });
    }
  };

  const addControls = (stage, root) => {
    const bar = make("div", "controls", root);
    const button = make("button", "play", bar);
    button.type = "button";
    const scrub = make("input", "scrub", bar);
    Object.assign(scrub, { type: "range", min: 0, max: 1000, value: 0 });
    scrub.setAttribute("aria-label", "time");
    const clock = make("output", "clock", bar);
    const speed = make("select", "", bar);
    speed.setAttribute("aria-label", "speed");
    for (const s of [0.25, 0.5, 1, 2]) { const o = make("option", "", speed, `${s}×`); o.value = s; o.selected = s === 1; }
    const tick = (label, key) => {
      const wrap = make("label", "", bar), box = make("input", "", wrap);
      box.type = "checkbox"; box.checked = stage[key]; wrap.append(label);
      box.addEventListener("change", () => { stage[key] = box.checked; stage.dirty = true; });
    };
    tick("trails", "trails"); tick("follow", "follow");
    const home = make("button", "", bar, "reset view");
    home.type = "button";
    home.addEventListener("click", () => { Object.assign(stage.camera, HOME); stage.dirty = true; });
    const toggle = () => { stage.playing = !stage.playing; stage.dirty = true; };
    button.addEventListener("click", toggle);
    scrub.addEventListener("input", () => { stage.playing = false; stage.time = (scrub.value / 1000) * stage.seconds; stage.dirty = true; });
    speed.addEventListener("change", () => { stage.speed = Number(speed.value); });
    stage.show = () => {
      const label = stage.playing ? "Pause" : "Play";
      if (button.getAttribute("aria-label") !== label) {
        button.setAttribute("aria-label", label); button.textContent = stage.playing ? "❚❚" : "►";
      }
      scrub.value = Math.round((1000 * stage.time) / Math.max(stage.seconds, 1e-6));
      clock.textContent = `${stage.time.toFixed(2)} / ${stage.seconds.toFixed(2)} s`;
    };
  };

  const stages = [];
  const mount = (root, given) => {
    const motions = (given || JSON.parse(document.getElementById(root.dataset.motions).textContent)).map(decode);
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    const stage = {
      panels: [], camera: { ...HOME }, time: 0, speed: 1, playing: !still, trails: true, follow: true, dirty: true,
      seconds: Math.max(...motions.map((m) => m.seconds), 0), look: colours(root), visible: true, root,
    };
    const grid = make("div", "panels", root);
    grid.style.setProperty("--count", String(motions.length));
    motions.forEach((motion) => addPanel(stage, grid, motion));
    addMarks(stage, root);
    addControls(stage, root);
    const seen = new IntersectionObserver((entries) => { stage.visible = entries.some((e) => e.isIntersecting); stage.dirty = true; });
    const sized = new ResizeObserver(() => { stage.dirty = true; });
    [seen, sized].forEach((one) => one.observe(root));
    stage.leave = () => [seen, sized].forEach((one) => one.disconnect());
    root.stage = stage;
    stages.push(stage);
  };

  /* Take a mounted stage out of the page's loop and empty it. */
  const unmount = (root) => {
    const place = stages.indexOf(root.stage);
    if (place < 0) return;
    stages.splice(place, 1)[0].leave();
    root.replaceChildren();
  };

  let before = null;
  const loop = (now) => {
    const passed = before === null ? 0 : Math.min(0.1, (now - before) / 1000);
    before = now;
    for (const stage of stages) {
      if (!stage.visible || !(stage.playing || stage.dirty)) continue;
      if (stage.playing && stage.seconds > 0) {
        stage.time += passed * stage.speed;
        if (stage.time > stage.seconds + 0.6) stage.time = 0; // rest a moment on the last pose
      }
      stage.dirty = false;
      const shown = stage.time;
      stage.time = Math.min(shown, stage.seconds);
      stage.panels.forEach((panel) => drawPanel(panel, stage));
      stage.show();
      if (stage.playing) stage.time = shown;
    }
    requestAnimationFrame(loop);
  };

  const theme = () => {
    stages.forEach((stage) => { stage.look = colours(stage.root); stage.dirty = true; });
    document.dispatchEvent(new Event("motionlib-theme"));
  };
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", theme);
  document.querySelectorAll("[data-theme-toggle]").forEach((button) => button.addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : window.matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    theme();
  }));
  document.querySelectorAll(".stage[data-motions]").forEach((root) => mount(root));
  requestAnimationFrame(loop);
  window.motionPlayer = { mount, unmount, decode, drawPanel, colours, middle, home: HOME };
})();

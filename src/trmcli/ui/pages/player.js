"use strict";
const $ = (name) => document.getElementById(name);
const still = matchMedia("(prefers-reduced-motion: reduce)");
const POINT = "Point at a cell, or tap it, to see how sure the model is.";
const HOLD = 1000, SURE = 0.9, LEVELS = 60, FIRST = 48, LATER = 3;
let film, place = 0, playing = false, timer = 0, side = 0, hovered = -1, chosen = -1;

const number = (code) => code - FIRST - (code > 92 ? 1 : 0);
const grid = (text) => Array.from(text, (sign) => number(sign.charCodeAt(0)));
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

function prepare(data) {
  film = data;
  film.question = grid(film.question);
  film.given = grid(film.given);
  const nothing = film.question.map(() => LEVELS);
  const moments = film.frames.map((one) => ({ ...one, cells: grid(one.cells), sure: grid(one.sure) }));
  const first = { try: 0, step: 0, halt: 0, seconds: 0, cells: film.question, sure: nothing, wrong: [], supposed: [] };
  film.moments = [first, ...moments];
  film.moments.forEach((one, index) => {
    const before = index ? film.moments[index - 1].cells : film.question;
    one.changed = one.cells.map((value, cell) => !film.given[cell] && value !== before[cell]);
    one.conflict = new Set(one.wrong);
    one.suppose = new Set(one.supposed);
    one.last = index === film.moments.length - 1;
  });
  $("slider").max = film.moments.length - 1;
  const places = film.looks.map((look, value) => look === "symbol" && value ? film.symbols[value] : "").filter(Boolean);
  const signs = film.picture
    ? [["start", places[0], "start"], ["goal", places[1], "goal"], ["doubt", "", "way, from doubtful to sure"]]
    : [["given", places[0], "given"], ["changed", "\u203a" + places[0], "changed"], ["", places[0] + "\u02d9", "in doubt"], ["", places[0] + "\u0332", "supposed"]];
  for (const [kind, sign, words] of [...signs, ["wrong", film.picture ? "" : places[0], "breaks a rule"]]) {
    const line = document.createElement("li"), sample = document.createElement("b");
    sample.className = kind;
    sample.textContent = sign;
    line.append(sample, words);
    $("legend").append(line);
  }
}

function mix(from, to, share) {
  const part = (text, at) => parseInt(text.slice(at, at + 2), 16);
  return "rgb(" + [1, 3, 5].map((at) => Math.round(part(from, at) + (part(to, at) - part(from, at)) * share)).join(",") + ")";
}

function ramp(sure, name) {
  const where = Math.min(Math.max((sure - 0.3) / 0.7, 0), 1) * 3, low = Math.min(Math.floor(where), 2);
  return mix(color(name + low), color(name + (low + 1)), where - low);
}

function fit(canvas) {
  const ratio = window.devicePixelRatio || 1, box = canvas.getBoundingClientRect();
  canvas.width = Math.round(box.width * ratio);
  canvas.height = Math.round(box.height * ratio);
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  return [pen, box.width, box.height];
}

function draw() {
  const moment = film.moments[place], canvas = $("grid"), margin = film.picture ? 4 : 10;
  canvas.style.aspectRatio = film.width + " / " + film.height;
  canvas.style.setProperty("--tall", film.height / film.width);
  const [pen, across] = fit(canvas);
  side = (across - 2 * margin) / film.width;
  const ramps = Array.from({ length: LEVELS + 1 }, (_, level) => ramp(level / LEVELS, "--r"));
  const trails = Array.from({ length: LEVELS + 1 }, (_, level) => ramp(level / LEVELS, "--t"));
  const ink = {};
  for (const name of ["card", "text", "given", "wall", "new", "wrong", "wrong-text", "start", "goal", "line", "thick", "dim"]) {
    ink[name] = color("--" + name);
  }
  const signs = film.looks.map((look, value) => (look === "symbol" ? value : -1)).filter((value) => value > 0);
  pen.clearRect(0, 0, across, across * film.height / film.width);
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  for (let cell = 0; cell < moment.cells.length; cell++) {
    const row = Math.floor(cell / film.width), column = cell % film.width;
    const x = margin + column * side, y = margin + row * side, value = moment.cells[cell], look = film.looks[value];
    const wrong = moment.conflict.has(cell), given = film.given[cell];
    let paper = null;
    if (wrong) paper = ink.wrong;
    else if (look === "solid") paper = ink.wall;
    else if (look === "trail") paper = trails[moment.sure[cell]];
    else if (film.picture && look === "symbol") paper = value === signs[0] ? ink.start : ink.goal;
    else if (given && !film.picture) paper = ink.given;
    else if (moment.changed[cell] && !film.picture) paper = ink.new;
    if (paper) {
      pen.fillStyle = paper;
      const left = Math.round(x), top = Math.round(y);
      pen.fillRect(left, top, Math.round(x + side) - left, Math.round(y + side) - top);
      if (wrong) corner(pen, left, top, Math.max(side * 0.25, 3), ink.card);
    }
    if (look !== "symbol" && value !== 0 || film.picture && side < 12) continue;
    const text = value ? film.symbols[value] : film.picture ? "" : "·";
    pen.font = (given ? "700 " : "500 ") + Math.round(side * 0.58) + "px system-ui, sans-serif";
    pen.fillStyle = wrong ? ink["wrong-text"] : film.picture ? ink.card : !value ? ink.dim : given ? ink.text : ramps[moment.sure[cell]];
    pen.fillText(text, x + side / 2, y + side / 2 + side * 0.04);
    if (film.picture || given) continue;
    if (moment.changed[cell]) hook(pen, x + side / 12, y + side / 2, side / 12);
    if (value && moment.sure[cell] / LEVELS < SURE) pen.fillText(".", x + side * 0.86, y + side * 0.2);
    if (moment.suppose.has(cell)) pen.fillRect(x + side * 0.25, y + side * 0.86, side * 0.5, 2);
  }
  if (!film.picture) lines(pen, margin, ink);
  const cell = looked();
  if (cell >= 0) {
    pen.strokeStyle = ink.text;
    pen.lineWidth = 2;
    pen.strokeRect(margin + (cell % film.width) * side, margin + Math.floor(cell / film.width) * side, side, side);
  }
  figures(moment);
  curves();
}

function corner(pen, left, top, long, ink) {
  pen.fillStyle = ink;
  pen.beginPath();
  pen.moveTo(left, top);
  pen.lineTo(left + long, top);
  pen.lineTo(left, top + long);
  pen.fill();
}

function hook(pen, left, middle, long) {
  pen.strokeStyle = pen.fillStyle;
  pen.lineWidth = 1.5;
  pen.beginPath();
  pen.moveTo(left, middle - long);
  pen.lineTo(left + long, middle);
  pen.lineTo(left, middle + long);
  pen.stroke();
}

function lines(pen, margin, ink) {
  const box = (row, column) =>
    row < 0 || column < 0 || row >= film.height || column >= film.width ? -1 : film.boxes[row * film.width + column];
  for (const thick of [false, true]) {
    pen.strokeStyle = thick ? ink.thick : ink.line;
    pen.lineWidth = thick ? 2.5 : 1;
    pen.beginPath();
    for (let row = 0; row <= film.height; row++) {
      for (let column = 0; column <= film.width; column++) {
        const x = margin + column * side, y = margin + row * side, here = box(row, column);
        if (column < film.width && (here !== box(row - 1, column)) === thick) { pen.moveTo(x, y); pen.lineTo(x + side, y); }
        if (row < film.height && (here !== box(row, column - 1)) === thick) { pen.moveTo(x, y); pen.lineTo(x, y + side); }
      }
    }
    pen.stroke();
  }
}

function figures(moment) {
  $("try").textContent = moment.last && film.moments.length > 2 ? film.moments[place - 1].try : moment.try;
  $("step").textContent = moment.last && film.moments.length > 2 ? film.moments[place - 1].step : moment.step;
  $("halt").textContent = Math.round(moment.halt * 100) + "%";
  $("changed").textContent = moment.changed.filter(Boolean).length;
  $("conflicts").textContent = moment.conflict.size;
  $("seconds").textContent = moment.seconds.toFixed(2) + " s";
  $("slider").value = place;
  $("slider").setAttribute("aria-valuetext", moment.last ? "the end" : place ? "try " + moment.try + ", step " + moment.step : "the question");
  $("said").textContent = moment.last ? film.verdict : "";
  $("play").textContent = playing ? "Pause" : moment.last ? "Again" : "Play";
  $("grid").setAttribute("aria-label", "the grid, " + $("slider").getAttribute("aria-valuetext"));
  const cell = looked();
  $("cell").setAttribute("aria-live", playing ? "off" : "polite");
  if (cell < 0) {
    $("cell").textContent = POINT;
    return;
  }
  const value = moment.cells[cell], name = film.picture ? film.looks[value] === "symbol" ? film.symbols[value] : film.looks[value] : film.symbols[value] || "blank";
  $("cell").textContent = "row " + (Math.floor(cell / film.width) + 1) + ", column " + (cell % film.width + 1) + ": " + name +
    (film.given[cell] ? ", given" : place ? ", " + Math.round(moment.sure[cell] / LEVELS * 100) + "% sure" : "") +
    (moment.changed[cell] ? ", changed" : "") + (moment.conflict.has(cell) ? ", breaks a rule" : "") + (moment.suppose.has(cell) ? ", supposed" : "");
}

function curves() {
  const [pen, across, down] = fit($("curves")), steps = film.moments.slice(1), pad = 8;
  pen.clearRect(0, 0, across, down);
  const x = (index) => pad + (across - 2 * pad) * (steps.length > 1 ? index / (steps.length - 1) : 0.5);
  const most = Math.max(1, ...steps.map((one) => one.conflict.size));
  const curve = (name, share) => {
    pen.strokeStyle = color(name);
    pen.lineWidth = 2;
    pen.beginPath();
    steps.forEach((one, index) => pen.lineTo(x(index), down - pad - (down - 2 * pad) * share(one)));
    pen.stroke();
  };
  curve("--second", (one) => one.conflict.size / most);
  curve("--first", (one) => one.halt);
  if (place > 0) {
    pen.strokeStyle = color("--dim");
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(x(place - 1), 0);
    pen.lineTo(x(place - 1), down);
    pen.stroke();
  }
}

function show(next) {
  place = Math.min(Math.max(next, 0), film.moments.length - 1);
  draw();
}

function pause() {
  playing = false;
  clearTimeout(timer);
}

function play() {
  if (place === film.moments.length - 1) place = 0;
  playing = true;
  draw();
  const wait = () => {
    const pace = Number($("pace").value) * (film.moments[place].try > 1 ? LATER : 1);
    timer = setTimeout(() => {
      place += 1;
      playing = place < film.moments.length - 1;
      draw();
      if (playing) wait();
    }, place === 0 ? HOLD : 1000 / pace);
  };
  wait();
}

function step(by) {
  pause();
  show(place + by);
}

function toggle() {
  if (playing) { pause(); draw(); } else play();
}

// The cell under the pointer, or else the one that was chosen by a key or a tap; -1 for none.
function looked() {
  return hovered >= 0 ? hovered : chosen;
}

function choose(cell) {
  hovered = -1;
  chosen = cell;
  draw();
}

const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

function move([down, across]) {
  const from = looked(), least = (at, most) => Math.min(Math.max(at, 0), most - 1);
  if (from < 0) return choose(0);
  const row = least(Math.floor(from / film.width) + down, film.height), column = least(from % film.width + across, film.width);
  choose(row * film.width + column);
}

function under(event) {
  const box = $("grid").getBoundingClientRect(), margin = film.picture ? 4 : 10;
  const column = Math.floor((event.clientX - box.left - margin) / side), row = Math.floor((event.clientY - box.top - margin) / side);
  return row >= 0 && column >= 0 && row < film.height && column < film.width ? row * film.width + column : -1;
}

function listen() {
  $("play").onclick = toggle;
  $("back").onclick = () => step(-1);
  $("on").onclick = () => step(1);
  $("slider").oninput = (event) => { pause(); show(Number(event.target.value)); };
  $("grid").onpointermove = (event) => {
    const cell = event.pointerType === "touch" ? hovered : under(event);
    if (cell !== hovered) { hovered = cell; draw(); }
  };
  $("grid").onpointerleave = () => { hovered = -1; draw(); };
  $("grid").onclick = (event) => { const cell = under(event); choose(cell === chosen ? -1 : cell); };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
    const slider = event.target === $("slider");
    if (event.shiftKey && MOVES[event.key]) { event.preventDefault(); move(MOVES[event.key]); }
    else if (event.key === "Escape") choose(-1);
    else if (event.key === " " && event.target.tagName !== "BUTTON") { event.preventDefault(); toggle(); }
    else if (event.key === "ArrowLeft" && !slider) step(-1);
    else if (event.key === "ArrowRight" && !slider) step(1);
    else if (event.key === "Home" && !slider) step(-place);
    else if (event.key === "End" && !slider) step(film.moments.length);
    else if (event.key === "r" || event.key === "R") { pause(); place = 0; play(); }
  });
  window.addEventListener("resize", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

unpack(PACKED).then((data) => {
  prepare(data);
  listen();
  if (still.matches) show(film.moments.length - 1);
  else play();
}).catch(() => { $("said").textContent = "This page needs a newer browser."; });

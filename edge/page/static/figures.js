// The drawings: a foot from the side that lands, and two soles with zones.
import { drawing, element, t } from "./words.js";

const FOOT =
  "M84 34C86 70 74 96 66 122C60 142 60 167 84 168L232 168C256 168 262 156 254 142" +
  "C246 130 226 126 204 118C172 106 146 88 142 34Z";
const TURNS = {
  heel: "rotate(-21deg)",
  toe: "rotate(19deg)",
};
const ORIGINS = { heel: "84px 168px", toe: "244px 168px" };
const TOUCHES = { heel: [84, 22], toe: [244, 22], flat: [160, 92] };

// One figure, drawn once; a landing turns it.
export function drawFoot(figure) {
  const body = drawing("path", { class: "body", d: FOOT });
  const ground = drawing("path", { class: "ground", d: "M28 184H292" });
  const touch = drawing("rect", { class: "touch", y: 178, height: 12, rx: 6 });
  const outline = drawing("path", { class: "outline", d: FOOT });
  figure.replaceChildren(ground, touch, body, outline);
  return (state) => {
    const isKnown = ["heel", "toe", "flat", "rest"].includes(state);
    body.style.display = isKnown ? "" : "none";
    outline.style.display = isKnown || state === "nodata" ? "none" : "";
    body.style.transformOrigin = ORIGINS[state] ?? "160px 168px";
    body.style.transform = TURNS[state] ?? "none";
    const [centre, half] = TOUCHES[state] ?? [0, 0];
    touch.setAttribute("x", centre - half);
    touch.setAttribute("width", 2 * half);
    figure.style.height = state === "nodata" ? "3rem" : "";
    ground.setAttribute("stroke-dasharray", state === "nodata" ? "2 22" : "none");
  };
}

const SOLE =
  "M50 5C70 4 89 24 90 54C91 82 80 106 78 132C76 162 84 190 78 212C73 230 61 237 49 237" +
  "C36 237 24 229 22 208C20 184 28 162 26 136C24 110 10 86 11 56C12 26 30 6 50 5Z";
const ZONES = ["heel", "midfoot", "ball_inner", "ball_outer", "toes"];
const PLACES = [[0, 172, 100, 70], [0, 114, 100, 58], [0, 54, 51, 60], [51, 54, 49, 60], [0, 0, 100, 54]];
const EDGES = ["M0 54H100", "M0 114H100", "M0 172H100", "M51 54V114"];
const MOST = 10;

export function drawSoles(place) {
  const soles = { left: sole("left"), right: sole("right") };
  place.replaceChildren(soles.left.figure, soles.right.figure);
  return (feet) => {
    for (const side of ["left", "right"]) soles[side].show(feet[side]);
  };
}

function sole(side) {
  const clip = drawing("clipPath", { id: `sole-${side}` }, drawing("path", { d: SOLE }));
  const zones = PLACES.map(([x, y, width, height]) =>
    drawing("rect", { class: "zone", x, y, width, height, "fill-opacity": 0 }));
  const edges = EDGES.map((d) => drawing("path", { class: "gap", d }));
  const inside = drawing("g", { "clip-path": `url(#sole-${side})` }, ...zones, ...edges);
  const rim = drawing("path", { class: "rim", d: SOLE });
  const turn = side === "left" ? "translate(100 0) scale(-1 1)" : "";
  const picture = drawing("svg", { viewBox: "0 0 100 240", role: "img" },
    clip, drawing("g", { transform: turn }, inside, rim));
  const caption = element("figcaption");
  const figure = element("figure", {}, picture, caption);
  let label = "";
  return {
    figure,
    show(levels) {
      zones.forEach((zone, i) => {
        const level = levels?.[i];
        zone.setAttribute("fill-opacity", level == null ? 0 : (0.06 + (0.94 * level) / MOST).toFixed(2));
      });
      rim.classList.toggle("blind", !levels);
      const name = t(`side.${side}_foot`);
      const caption2 = levels ? name : `${name}: ${t("feet.none")}`;
      if (caption.textContent !== caption2) caption.textContent = caption2;
      const next = levels ? describe(name, levels) : caption2;
      if (next !== label) picture.setAttribute("aria-label", (label = next));
    },
  };
}

function describe(foot, levels) {
  const words = {};
  ZONES.forEach((zone, i) => {
    const level = levels[i];
    words[zone] = level == null ? t("feet.unknown") : t(`feet.level${Math.min(3, Math.ceil(level / 3.4))}`);
  });
  return t("feet.label", { foot, ...words });
}

const WORN = {
  afo: "M20 6h14v28c0 6 18 8 18 16v4H20zM14 20h26v6H14z",
  fes: "M34 4 14 34h14l-4 26 24-34H32z",
  none: "M20 6h16c0 12 2 20 10 24 8 4 12 8 12 16v6H22c-6 0-8-4-6-12 2-10 5-18 4-34z",
};

export function wornPicture(orthosis) {
  return drawing("svg", { viewBox: "0 0 64 64", "aria-hidden": "true" }, drawing("path", { d: WORN[orthosis] }));
}

export function tick() {
  return drawing("svg", { viewBox: "0 0 34 34", class: "tick", "aria-hidden": "true" },
    drawing("path", { d: "M6 18l8 8L28 9" }));
}

const ROUND = 2 * Math.PI * 92;

// A ring that fills; `share` from 0 to 1.
export function ring() {
  const on = drawing("circle", { class: "on", cx: 100, cy: 100, r: 92, "stroke-dasharray": ROUND });
  const picture = drawing("svg", { viewBox: "0 0 200 200", "aria-hidden": "true" },
    drawing("circle", { cx: 100, cy: 100, r: 92 }), on);
  return {
    picture,
    show(share) {
      on.setAttribute("stroke-dashoffset", ROUND * (1 - Math.max(0, Math.min(1, share || 0))));
      on.style.display = share > 0 ? "" : "none";
    },
  };
}

// Words, numbers and times in the chosen language; `element` builds the page's parts.
let tables = {};
let language = document.documentElement.lang;

export async function loadWords() {
  const answer = await fetch("/words", { credentials: "same-origin" });
  if (answer.status === 401) location.assign("/pair");
  tables = await answer.json();
}

// [code, own name] of each language.
export function languages() {
  return Object.entries(tables).map(([code, table]) => [code, table.language_name]);
}

export function currentLanguage() {
  return language;
}

// Returns whether the language changed; every element with data-t then has its new words.
export function useLanguage(next) {
  if (next === language || !tables[next]) return false;
  language = next;
  document.documentElement.lang = next;
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const node of document.querySelectorAll("[data-t-label]"))
    node.setAttribute("aria-label", t(node.dataset.tLabel));
  return true;
}

export function has(key) {
  return key in tables[language];
}

export function t(key, values = {}) {
  const text = tables[language][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => show(values[name])).replaceAll(" %", "\u00a0%");
}

export function show(value) {
  return typeof value === "number" ? value.toLocaleString(locale()) : String(value ?? "");
}

function locale() {
  return language === "en" ? "en-GB" : language;
}

export function clock(milliseconds) {
  const when = new Date(milliseconds);
  const time = { hour: "2-digit", minute: "2-digit" };
  const day = { weekday: "long", ...time };
  const today = when.toDateString() === new Date().toDateString();
  return when.toLocaleString(locale(), today ? time : day);
}

export function minutes(seconds) {
  const rest = String(seconds % 60).padStart(2, "0");
  return `${Math.floor(seconds / 60)}:${rest}`;
}

// element("button.main", { onclick }, "text", child): absent children are left out.
export function element(name, properties = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(" ");
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("on")) node[key] = value;
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value != null) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child != null && child !== false && child !== ""));
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

export function drawing(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

// Replaces a section's content; the focus stays on the part of the same data-key, else goes to
// the heading.
export function refill(section, ...children) {
  const key = section.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  const open = [...section.querySelectorAll("details[open]")].length > 0;
  section.replaceChildren(...children.filter(Boolean));
  if (open) section.querySelector("details")?.setAttribute("open", "");
  if (!key) return;
  const same = section.querySelector(`[data-key="${CSS.escape(key)}"]`);
  (same ?? section.querySelector("h1"))?.focus({ preventScroll: true });
}

// Starts the page: words, connection, screens. Data come over one WebSocket, taps go by POST.
import { exercisesScreen } from "./exercises.js";
import { nowScreen } from "./now.js";
import { alertsScreen, dayScreen, moreScreen, practiceScreen, settingsScreen, sharingScreen } from "./others.js";
import { switchSound, wakeSound } from "./sound.js";
import { todayScreen } from "./today.js";
import { clock, element, has, languages, loadWords, t, useLanguage } from "./words.js";

const SCREENS = ["now", "today", "exercises", "practice", "day", "alerts", "sharing", "settings", "more"];
const FIRST_WAIT = 500;
const LONGEST_WAIT = 15000;
const SILENCE = 20000; // the box sends at least what a second brings; so long without is no connection
const $ = (id) => document.getElementById(id);

const page = {
  data: {},
  helper: read("helper") === "1",
  languages: [],
  has,
  tap: (message) => page.post("/tap", message),
  async post(address, message) {
    try {
      const answer = await fetch(address, {
        method: "POST", body: JSON.stringify(message), headers: { "Content-Type": "application/json" },
      });
      if (answer.status === 401) return location.assign("/pair");
      const found = await answer.json();
      if (!answer.ok) tell(t(found.word));
      return answer.ok ? found : null;
    } catch {
      tell(t("refused.away"));
      return null;
    }
  },
  announce(text) {
    $("said").textContent = text;
  },
  go(screen) {
    location.hash = screen;
  },
  setHelper(on) {
    page.helper = on;
    write("helper", on ? "1" : "0");
    render({ now: page.data.now });
  },
};

const screens = [];
let socket = null;
let wait = FIRST_WAIT;
let lostAt = null;
let ended = false;
let silence = null;
let noticed = null;

function read(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function write(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // a browser that keeps nothing: the choice holds until the page is closed
  }
}

function tell(text) {
  $("notice").textContent = text;
  $("notice").hidden = false;
  clearTimeout(noticed);
  noticed = setTimeout(() => ($("notice").hidden = true), 8000);
}

// -- connection ----------------------------------------------------------------------------------

function connect() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  socket = new WebSocket(`${scheme}://${location.host}/live`);
  const own = socket;
  socket.onmessage = (event) => own === socket && take(JSON.parse(event.data));
  socket.onclose = () => own === socket && lost();
}

function take(message) {
  clearTimeout(silence);
  silence = setTimeout(giveUp, SILENCE);
  if (message.bye) {
    ended = true;
    return;
  }
  if (lostAt !== null) page.announce(t("link.back"));
  [lostAt, ended, wait] = [null, false, FIRST_WAIT];
  showLink("live");
  const changed = message.s;
  Object.assign(page.data, changed);
  if (changed.settings) {
    switchSound(changed.settings.sound);
    if (useLanguage(changed.settings.language)) return everything();
  }
  render(changed);
  document.body.dataset.n = message.n;
}

// Without a network the end of a socket is told late: it is not waited for.
function giveUp() {
  socket.onclose = null;
  socket.close();
  lost();
}

function lost() {
  clearTimeout(silence);
  if (lostAt === null) {
    lostAt = Date.now();
    page.announce(t("link.lost"));
  }
  showLink("lost");
  fetch("/words", { method: "HEAD", cache: "no-store" })
    .then((answer) => answer.status === 401 && location.assign("/pair"))
    .catch(() => {});
  setTimeout(connect, wait * (0.7 + 0.6 * Math.random()));
  wait = Math.min(LONGEST_WAIT, wait * 2);
}

function showLink(state) {
  $("link").dataset.link = state;
  const word = t(`link.${state}`);
  if ($("link-word").textContent !== word) $("link-word").textContent = word;
  $("away").hidden = state !== "lost";
  $("main").classList.toggle("stale", state === "lost");
  if (state === "lost")
    $("away").textContent = t(ended ? "link.ended_since" : "link.lost_since", { time: clock(lostAt) });
}

// -- screens -------------------------------------------------------------------------------------

function everything() {
  render({ ...page.data, language: true });
  showTitle(current());
}

function render(changed) {
  for (const show of screens) show(changed);
  if ("reminder" in changed) showReminder(page.data.reminder);
  announceState(changed);
}

function showReminder(name) {
  const box = $("reminder");
  box.hidden = !name;
  if (!name) return;
  const close = () => page.tap({ do: "reminded" });
  const ok = element("button", { type: "button", onclick: close }, t("reminder.ok"));
  box.replaceChildren(element("p", {}, t(`reminder.${name}`)), ok);
  page.announce(t(`reminder.${name}`));
}

let announced = null;

// Screen readers hear what changes for long, never each step.
function announceState(changed) {
  const now = changed.now;
  if (!now || now.walking || now.state === announced) return;
  if (!["rest", "off", "nodata"].includes(now.state)) return;
  announced = now.state;
  page.announce(t(`state.${now.state}`));
}

function current() {
  const name = location.hash.slice(1);
  return SCREENS.includes(name) ? name : "now";
}

function showTitle(name) {
  document.title = `${t(`nav.${name}`)} · ${t("name")}`;
}

function route(moves = true) {
  const name = current();
  for (const one of SCREENS) $(`screen-${one}`).hidden = one !== name;
  for (const link of $("nav").querySelectorAll("a")) {
    const isHere = link.getAttribute("href") === `#${name}`;
    if (isHere) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    link.classList.toggle("within", link.classList.contains("only") && !$("nav").querySelector(`a.first[href="#${name}"]`));
  }
  showTitle(name);
  if (moves) {
    scrollTo(0, 0);
    $(`screen-${name}`).querySelector("h1")?.focus({ preventScroll: true });
  }
}

async function begin() {
  await loadWords();
  page.languages = languages();
  screens.push(nowScreen(page), todayScreen(page), exercisesScreen(page), practiceScreen(page), dayScreen(page),
    alertsScreen(page), sharingScreen(page), settingsScreen(page), moreScreen(page));
  for (const show of screens.slice(-1)) show({ language: true });
  $("old").remove();
  $("app").hidden = false;
  route(false);
  addEventListener("hashchange", () => route());
  addEventListener("pointerdown", wakeSound);
  addEventListener("keydown", wakeSound);
  addEventListener("online", () => lostAt !== null && (wait = FIRST_WAIT));
  connect();
}

begin();

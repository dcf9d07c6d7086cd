// Practice, what is worn, alerts, sharing, settings, and the list of them.
import { tick, wornPicture } from "./figures.js";
import { soundIsPossible, soundIsReady } from "./sound.js";
import { clock, element, has, minutes, refill, t } from "./words.js";

const place = (id) => document.getElementById(`screen-${id}`);
const heading = (id, key) => element("h1", { id: `${id}-title`, tabindex: -1 }, t(key));
const button = (name, key, words, onclick) =>
  element(name, { type: "button", "data-key": key, onclick }, words);

export function practiceScreen(page) {
  const act = (on) => () => page.tap({ do: "practice", on });
  return (changed) => {
    if (!("practice" in changed)) return;
    const now = page.data.practice;
    if (!now) {
      refill(place("practice"), heading("practice", "practice.title"),
        element("p.card", {}, t("practice.none")));
      return;
    }
    const why = `practice.${now.refusal.replaceAll(" ", "_")}`;
    refill(place("practice"), heading("practice", "practice.title"),
      element("p.card", {}, t("practice.lead")),
      now.running ? running(now) : null,
      !now.running && now.refusal ? element("p.notice", {}, t(has(why) ? why : "practice.other")) : null,
      now.running
        ? button("button.main", "practice", t("practice.stop"), act(false))
        : button("button.main", "practice", t("practice.start"), act(true)));
  };
}

function running(now) {
  return element("div.card.guide", {},
    element("p.phase", {}, t("eyes_up")),
    element("p", {}, t("practice.left", { time: minutes(now.left_s) })),
    element("p.figure-word", {}, now.steps
      ? t("practice.on_target", { n: now.on_target, steps: now.steps })
      : t("practice.no_steps")));
}

export function dayScreen(page) {
  return (changed) => {
    if (!("wearing" in changed)) return;
    const chosen = page.data.wearing;
    const row = (what) => element("li", {}, element("button.choice", {
      type: "button", "aria-pressed": String(chosen === what), "data-key": what,
      onclick: () => page.tap({ do: "wear", orthosis: what }),
    }, wornPicture(what), element("b", {}, t(`day.${what}`)), chosen === what ? tick() : ""));
    refill(place("day"), heading("day", "day.title"), element("p.lead", {}, t("day.lead")),
      element("ul.choices.big", {}, ...["afo", "fes", "none"].map(row)));
  };
}

export function alertsScreen(page) {
  return (changed) => {
    if (!("alerts" in changed)) return;
    const { alerts } = page.data;
    const fresh = alerts.filter((one) => one.raised && !one.seen).length;
    document.getElementById("bell-count").textContent = fresh || "";
    document.getElementById("bell").setAttribute("aria-label", t("alerts.bell", { n: fresh }));
    refill(place("alerts"), heading("alerts", "alerts.title"),
      alerts.length ? null : element("p.card", {}, t("alerts.none")),
      ...alerts.map((one) => card(page, one)));
  };
}

function card(page, one) {
  const known = (kind, otherwise) => (has(`${kind}.${one.rule}`) ? `${kind}.${one.rule}` : otherwise);
  const side = one.side ? `${t(`side.${one.side}_foot`)}, ` : "";
  const time = one.at === null ? t("alerts.no_time") : clock(one.at);
  const seen = () => page.tap({ do: "seen", id: one.id });
  const right = (answer) => () => page.tap({ do: "seen", id: one.id, right: answer });
  const said = one.right === null ? null : t(one.right ? "alerts.said_yes" : "alerts.said_no");
  const advice = one.technical ? "advice.technical" : known("advice", "advice.other");
  const asks = one.seen && said === null && !one.technical; // of a battery nobody says it was wrong
  return element(one.raised && !one.seen ? "div.card.alert" : "div.card.alert.done", {},
    element("p", {}, element("b", {}, t(known("alert", "alert.other")))),
    element("p.note", {}, side + time, one.raised ? "" : `. ${t("alerts.over")}`),
    one.raised ? element("p", {}, t(advice)) : null,
    !one.seen ? element("div.row", {}, button("button.main", `seen ${one.id}`, t("alerts.seen"), seen)) : null,
    asks ? element("p", {}, t("alerts.was_right")) : null,
    asks ? element("div.row", {},
      button("button", `yes ${one.id}`, t("alerts.yes"), right(true)),
      button("button", `no ${one.id}`, t("alerts.no"), right(false))) : null,
    said ? element("p", {}, said) : null);
}

export function sharingScreen(page) {
  let code = null;
  const render = () => {
    const now = page.data.sharing;
    refill(place("sharing"), heading("sharing", "sharing.title"),
      now.paused ? paused(now) : null,
      button("button.main", "pause", t(now.paused ? "sharing.resume" : "sharing.pause"),
        () => page.tap({ do: "pause", on: !now.paused })),
      now.paused ? null : element("p.note", {}, t("sharing.paused_lead")),
      facts(now), who(now));
  };

  const paused = (now) => {
    const end = now.until === null
      ? t("sharing.until_hours", { n: now.hours_left }) : t("sharing.until", { time: clock(now.until) });
    return element("div.notice", {}, element("h2", {}, t("sharing.paused")),
      element("p", {}, t("sharing.paused_lead")), element("p", {}, end),
      element("p", {}, t("sharing.held", { n: now.held })));
  };

  const facts = (now) => {
    const row = (name, value) => element("div", {}, element("dt", {}, name), element("dd", {}, value));
    const battery = (i, side) => row(t("sharing.battery", { foot: t(`side.${side}`) }),
      now.battery[i] === null ? t("sharing.unknown") : t("sharing.percent", { n: now.battery[i] }));
    const worn = now.worn === null ? "unknown" : now.worn === "off" || !now.recording ? null : "worn_yes";
    const wornWord = worn ?? (now.recording ? "worn_no" : "unknown");
    return element("dl.card.facts", {},
      row(t("sharing.recording"), t(now.recording ? "sharing.recording_yes" : "sharing.recording_no")),
      row(t("sharing.worn"), t(`sharing.${wornWord}`)),
      battery(0, "left"), battery(1, "right"),
      row(t("sharing.waiting"),
        t(now.connected || !now.waiting ? "sharing.waiting_n" : "sharing.waiting_offline", { n: now.waiting })));
  };

  const who = (now) => {
    const lines = [
      t("sharing.who_screens", { n: now.screens }),
      t("sharing.who_clinic", { to: now.to }),
      t(now.encrypted ? "sharing.who_encrypted" : "sharing.who_plain"),
      now.raw_until === null ? t("sharing.who_no_raw") : t("sharing.who_raw", { time: clock(now.raw_until) }),
      now.page_open ? t("sharing.page_open") : null,
    ];
    return element("div.card", {}, element("h2", {}, t("sharing.who")),
      element("ul.plain-list", {}, ...lines.filter(Boolean).map((line) => element("li", {}, line))),
      code ? element("p.code", {}, t("sharing.code", { code })) : null,
      button("button", "code", t("sharing.new_screen"), async () => {
        code = (await page.post("/code", {}))?.code ?? null;
        render();
      }));
  };

  return (changed) => {
    if (changed.sharing) render();
  };
}

export function settingsScreen(page) {
  const render = () => {
    const { settings } = page.data;
    const choose = (values) => page.tap({ do: "choose", ...values });
    const language = (code, name) => element("button.choice", {
      type: "button", "aria-pressed": String(settings.language === code), lang: code, "data-key": code,
      onclick: () => choose({ language: code }),
    }, element("b", {}, name), settings.language === code ? tick() : "");
    refill(place("settings"), heading("settings", "settings.title"),
      element("h2", {}, t("settings.language")),
      element("div.row", {}, ...page.languages.map(([code, name]) => language(code, name))),
      toggle("sound", t("settings.sound"), settings.sound, () => choose({ sound: !settings.sound })),
      soundNote(settings),
      toggle("reminders", t("settings.reminders"), settings.reminders,
        () => choose({ reminders: !settings.reminders })),
      toggle("helper", t("settings.helper"), page.helper, () => {
        page.setHelper(!page.helper);
        render();
      }));
  };
  return (changed) => {
    if (changed.settings) render();
  };
}

function toggle(key, words, isOn, onclick) {
  return element("button.switch", {
    type: "button", role: "switch", "aria-checked": String(isOn), "data-key": key, onclick,
  }, element("span", {}, words), element("span.knob", { "aria-hidden": "true" }));
}

function soundNote(settings) {
  if (!soundIsPossible()) return element("p.note", {}, t("settings.no_sound"));
  return settings.sound && !soundIsReady() ? element("p.note", {}, t("settings.sound_tap")) : null;
}

const icon = (id) => document.querySelector(`nav a[href="#${id}"] svg`).cloneNode(true);

export function moreScreen() {
  const rows = ["practice", "day", "alerts", "sharing", "settings"];
  return (changed) => {
    if (!changed.language) return;
    refill(place("more"), heading("more", "nav.more"), element("ul.choices.more", {},
      ...rows.map((id) => element("li", {},
        element("a.choice", { href: `#${id}` }, icon(id), element("b", {}, t(`nav.${id}`)))))));
  };
}

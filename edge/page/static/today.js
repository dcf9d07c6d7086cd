// Today against its goal, and by hour as bars and as a table.
import { element, refill, show, t } from "./words.js";

const FIRST = 6;
const LAST = 21;
const FEW = 5; // known landings of an hour under which its bar has no share

export function todayScreen(page) {
  const section = document.getElementById("screen-today");
  return (changed) => {
    if (changed.today || changed.watched) render(section, page.data.today, page.data.watched);
  };
}

function render(section, today, watched) {
  refill(section,
    element("h1", { id: "today-title", tabindex: -1 }, t("nav.today")),
    today.clock ? null : element("p.notice", {}, t("today.no_clock", { n: today.steps })),
    today.steps ? summary(today, watched) : element("p.card", {}, t("today.nothing")),
    today.clock && today.steps ? byHour(today) : null);
}

function summary(today, watched) {
  const reached = today.steps >= today.goal;
  const goal = t(reached ? "today.reached" : "today.of_goal", { goal: today.goal });
  const leg = watched.length === 1 ? t(`side.${watched[0]}_leg`) : "";
  const numbers = { heel: today.heel, known: today.known, goal: today.heel_goal, leg };
  const share = element("p.share", {}, t("today.share", { percent: percent(today.heel, today.known) }));
  return element("div.card", {},
    element("p.total", {}, element("b", {}, show(today.steps)),
      ` ${t("today.steps")} ${goal}`),
    today.few ? element("p", {}, t("today.few", { known: today.known })) : share,
    today.few ? null : element("p.note", {}, t(leg ? "today.share_of" : "today.share_of_both", numbers)),
    element("p.note", {}, today.swings
      ? t("today.drags", { n: today.drags, swings: today.swings })
      : t("today.drags_none_judged")));
}

function percent(part, whole) {
  return Math.round((100 * part) / whole);
}

function byHour(today) {
  const active = today.hours.map((hour, i) => (hour[0] ? i : -1)).filter((i) => i >= 0);
  const first = Math.min(FIRST, ...active);
  const last = Math.max(LAST, ...active);
  const most = Math.max(...today.hours.map((hour) => hour[0]));
  const hours = today.hours.slice(first, last + 1);
  const marks = hours.map((_, i) => first + i).filter((hour) => hour % 3 === 0);
  return element("div.card", {},
    element("h2", {}, t("today.by_hour")),
    element("div.chart", { "aria-hidden": "true" }, ...hours.map((hour) => bar(hour, most))),
    element("p.hours", { "aria-hidden": "true" }, ...marks.map((hour) => element("span", {}, String(hour)))),
    legend(),
    element("details", {}, element("summary", { "data-key": "table" }, t("today.table")), table(today)));
}

function bar([steps, known, heel], most) {
  const column = element("span");
  const add = (name, share) => {
    const part = element(`i.${name}`);
    part.style.height = `${(100 * steps * share) / most}%`;
    if (share > 0) column.append(part);
  };
  if (known < FEW) add("c-unknown", 1);
  else {
    add("c-other", (known - heel) / known);
    add("c-heel", heel / known);
  }
  return column;
}

function legend() {
  const line = (name, key) => element("li", {}, element(`i.${name}`), t(key));
  return element("ul.legend", {}, line("c-heel", "today.legend_heel"),
    line("c-other", "today.legend_other"), line("c-unknown", "today.legend_unknown"));
}

function table(today) {
  const head = ["today.hour", "today.steps", "today.share_short"].map((key) =>
    element("th", { scope: "col" }, t(key)));
  const rows = today.hours.map(([steps, known, heel], hour) => !steps ? null : element("tr", {},
    element("th", { scope: "row" }, t("today.hour_cell", { hour: String(hour) })),
    element("td", {}, String(steps)),
    element("td", {}, known ? t("sharing.percent", { n: percent(heel, known) }) : t("sharing.unknown"))));
  return element("table", {}, element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...rows));
}

// The plan of today, and the guided session.
import { ring } from "./figures.js";
import { speak } from "./sound.js";
import { element, refill, t } from "./words.js";

export function exercisesScreen(page) {
  const section = document.getElementById("screen-exercises");
  let chosen = null;
  let leads = false; // whether the guide is on the screen
  let spoken = null; // the newest word that was said here
  let parts = null;

  const key = (row) => `${row.exercise} ${row.side ?? ""}`;
  const title = (row) => {
    const name = t(`exercise.${row.exercise}`);
    return row.side ? `${name}, ${t(`side.${row.side}`)}` : name;
  };

  function showPlan() {
    const rows = page.data.exercises;
    const planned = rows.filter((row) => row.index !== null);
    const next = planned.find((row) => row.done < row.sets);
    const selected = planned.find((row) => key(row) === chosen) ?? next;
    refill(section,
      element("h1", { id: "exercises-title", tabindex: -1 }, t("exercises.title")),
      planned.length ? null : element("p.card", {}, t("exercises.none")),
      planned.length && !next ? element("p.notice", {}, t("exercises.all_done")) : null,
      selected ? start(selected) : null,
      element("ul.choices", {}, ...rows.map((row) => element("li", {}, card(row, row === selected)))));
  }

  function card(row, isSelected) {
    if (row.index === null)
      return element("div.card", {}, element("b", {}, title(row)),
        element("p.note", {}, t("exercises.beside", { done: row.done })));
    const dose = [
      row.repetitions ? t("dose.repetitions", { n: row.repetitions }) : null,
      row.seconds ? t("dose.seconds", { n: row.seconds }) : null,
      row.hold_s ? t("dose.hold", { n: row.hold_s }) : null,
    ].filter(Boolean).join(", ");
    const sets = Array.from({ length: row.sets }, (_, i) => element(i < row.done ? "i.full" : "i"));
    const choose = () => {
      chosen = key(row);
      showPlan();
    };
    return element("button.choice", {
      type: "button", "aria-pressed": String(isSelected), "data-key": key(row), onclick: choose,
    }, element("span.grow", {}, element("b", {}, title(row)), element("span.sub", {}, dose),
      element("span.sets", { "aria-hidden": "true" }, ...sets),
      element("span.sub", {}, t("exercises.sets", { done: row.done, sets: row.sets }),
        row.partly ? `, ${t("exercises.partly", { n: row.partly })}` : "")));
  }

  function start(row) {
    if (!page.data.guide) return element("p.note", {}, t("exercises.no_guide"));
    const act = () => {
      leads = true;
      page.tap({ do: "guide", exercise: row.exercise, side: row.side });
    };
    return element("div.card.stack", {},
      element("h2", {}, title(row)), element("p", {}, t(`how.${row.exercise}`)),
      element("button.main", { type: "button", "data-key": "start", onclick: act },
        t("exercises.start")));
  }

  function showGuide(guide) {
    if (!parts) build(guide);
    const timed = guide.target_s != null;
    const isRest = guide.phase === "rest";
    const isOver = ["done", "stopped"].includes(guide.phase);
    set(parts.title, title(guide));
    set(parts.sets, isOver ? "" : t("guide.set", { set: guide.set_number, sets: guide.sets }));
    set(parts.phase, t(`guide.${guide.phase}`));
    set(parts.count, String(isRest ? guide.rest_left_s : timed ? guide.seconds : guide.count));
    set(parts.of, isRest ? t("guide.rest_left", { n: guide.rest_left_s })
      : timed ? t("guide.of_seconds", { target: guide.target_s })
      : guide.target ? t("guide.of", { target: guide.target }) : "");
    const share = guide.phase === "hold" ? guide.hold_s / guide.hold_target_s
      : timed ? guide.seconds / guide.target_s : guide.count / guide.target;
    parts.ring.show(isRest ? 0 : share);
    set(parts.how, guide.counts ? t(`how.${guide.exercise}`) : t("guide.not_seen"));
    const word = guide.words.at(-1);
    set(parts.word, word && !["count", "rest_left"].includes(word.key)
      ? t(`say.${word.key}`, { n: word.number, of: word.of }) : "");
    parts.show(isOver ? ["back"] : [isRest ? "go_on" : "set_done", "stop"]);
  }

  function build() {
    const round = ring();
    const node = (name) => element(name);
    parts = { ring: round, sets: node("p"), phase: node("p.phase"), count: node("b"), of: node("span"),
      word: node("p.word"), how: node("p.note"),
      title: element("h1", { id: "exercises-title", tabindex: -1 }) };
    const step = (name) => () => page.tap({ do: "guide_step", step: name });
    const back = () => {
      leads = false;
      render();
    };
    const button = (name, words, act) => element(name, { type: "button", onclick: act }, t(words));
    const buttons = {
      stop: button("button.main", "guide.stop", step("stop")),
      set_done: button("button", "guide.set_done", step("set_done")),
      go_on: button("button", "guide.go_on", step("go_on")),
      back: button("button.main", "guide.back", back),
    };
    parts.show = (names) => {
      for (const [name, one] of Object.entries(buttons)) one.hidden = !names.includes(name);
    };
    refill(section, element("div.guide", {}, parts.title, parts.sets,
      element("div.ring", {}, round.picture, element("div", {}, parts.count, parts.of)),
      parts.phase, parts.word, parts.how, element("div.row", {}, ...Object.values(buttons))));
    parts.title.focus({ preventScroll: true });
  }

  function render() {
    const { guide } = page.data;
    if (guide?.running) leads = true;
    if (leads && guide?.phase) return showGuide(guide);
    parts = null;
    return showPlan();
  }

  function listen(guide) {
    const newest = guide.words.at(-1)?.n ?? 0;
    if (spoken !== null)
      for (const word of guide.words.filter((one) => one.n > spoken)) {
        speak(word);
        if (!["count", "rest_left"].includes(word.key))
          page.announce(t(`say.${word.key}`, { n: word.number, of: word.of }));
      }
    spoken = newest;
  }

  return (changed) => {
    if (changed.guide) {
      listen(changed.guide);
      if (changed.guide.running && !leads && spoken !== null) page.go("exercises");
    }
    if (changed.language) parts = null;
    if (changed.guide || changed.exercises || changed.language) render();
  };
}

function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

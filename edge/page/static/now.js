// The first screen: one big state; everything else steps back while the person walks.
import { drawFoot, drawSoles } from "./figures.js";
import { soundIsReady, tone } from "./sound.js";
import { element, refill, show, t } from "./words.js";

const SOUNDING = ["heel", "flat", "toe"];
const $ = (id) => document.getElementById(id);

export function nowScreen(page) {
  const showFoot = drawFoot($("figure"));
  const showSoles = drawSoles($("feet"));
  let shown = null;

  function showState(now) {
    const isWalking = now.walking && !page.helper;
    $("screen-now").classList.toggle("walking", isWalking);
    const change = now.state !== shown;
    if (change) {
      shown = now.state;
      $("state").dataset.state = now.state;
      showFoot(now.state);
      if (SOUNDING.includes(now.state)) tone(now.state);
    }
    set("now-word", t(`state.${now.state}`));
    set("now-side", now.side && page.data.watched?.length > 1 ? t(`side.${now.side}_foot`) : "");
    showAbout(now, isWalking);
    set("streak", now.streak === null ? "–" : show(now.streak));
    set("best", now.best ? t("streak.best", { n: now.best }) : t("streak.none"));
    set("silent", now.silent.map((side) => t("side.silent", { side: t(`side.${side}`) })).join(" "));
  }

  function showAbout(now, isWalking) {
    const place = $("now-about");
    const key = now.posture ? `about.rest_${now.posture}` : `about.${now.state}`;
    if (!isWalking) {
      place.className = "";
      set("now-about", t(page.has(key) ? key : `about.${now.state}`));
      return;
    }
    const sounds = page.data.settings.sound && soundIsReady();
    const text = `${t("eyes_up")}|${t(sounds ? "eyes_up.lead" : "eyes_up.quiet")}`;
    if (place.dataset.text === text && place.className === "walks") return;
    place.className = "walks";
    place.dataset.text = text;
    const [strong, rest] = text.split("|");
    place.replaceChildren(element("span.eyes", {}, strong), element("br"), rest);
  }

  function showGoal(today) {
    set("goal", show(today.steps));
    set("goal-of", t("goal.of", { goal: today.goal }));
    $("goal-bar").firstElementChild.style.width = `${Math.min(100, (100 * today.steps) / today.goal)}%`;
  }

  function showAction(cues) {
    if (!cues) return refill($("now-action"));
    const key = cues.muted ? "cues.unmute" : "cues.mute";
    const act = () => page.tap({ do: "mute", on: !cues.muted });
    refill($("now-action"),
      element("button.full", { type: "button", "data-key": "mute", onclick: act }, t(key)));
  }

  return (changed) => {
    const { data } = page;
    if (changed.now || changed.settings || changed.watched) showState(data.now);
    if (changed.feet) showSoles(data.feet);
    if (changed.today) showGoal(data.today);
    if ("cues" in changed) showAction(data.cues);
  };
}

function set(id, text) {
  const node = $(id);
  if (node.textContent !== text) node.textContent = text;
  node.hidden = !text;
}

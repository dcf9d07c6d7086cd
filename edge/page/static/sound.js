// Tones by WebAudio, words by the browser's voice where it has one of the language.
import { currentLanguage, t } from "./words.js";

const TONES = {
  heel: [[660, 0, 0.09], [880, 0.09, 0.12]],
  toe: [[294, 0, 0.22]],
  flat: [[440, 0, 0.14]],
  count: [[784, 0, 0.08]],
  hold: [[523, 0, 0.3]],
  release: [[784, 0, 0.1], [523, 0.1, 0.14]],
  end: [[523, 0, 0.12], [659, 0.12, 0.12], [784, 0.24, 0.24]],
};
const WORD_TONES = { count: "count", rest_left: "count", hold: "hold", release: "release", done: "end" };
const LOUDNESS = 0.18;

let audio = null;
let isOn = true;

export function soundIsPossible() {
  return "AudioContext" in window;
}

export function soundIsReady() {
  return audio?.state === "running";
}

export function switchSound(on) {
  isOn = on;
  if (!on) window.speechSynthesis?.cancel();
}

// Browsers let a page sound after a tap only.
export function wakeSound() {
  if (!soundIsPossible()) return;
  audio ??= new AudioContext();
  if (audio.state === "suspended") audio.resume().catch(() => {});
}

export function tone(name) {
  if (!isOn || !soundIsReady()) return;
  for (const [pitch, delay, length] of TONES[name] ?? []) {
    const begin = audio.currentTime + delay;
    const source = audio.createOscillator();
    const level = audio.createGain();
    source.frequency.value = pitch;
    level.gain.setValueAtTime(0, begin);
    level.gain.linearRampToValueAtTime(LOUDNESS, begin + 0.012);
    level.gain.setValueAtTime(LOUDNESS, begin + Math.max(0.012, length - 0.04));
    level.gain.linearRampToValueAtTime(0, begin + length);
    source.connect(level).connect(audio.destination);
    source.start(begin);
    source.stop(begin + length + 0.02);
  }
}

// A word of a guided session: spoken, or a tone where there is no voice.
export function speak(word) {
  if (!isOn) return;
  const voices = window.speechSynthesis?.getVoices() ?? [];
  const voice = voices.find((one) => one.lang.toLowerCase().startsWith(currentLanguage()));
  if (!voice) {
    tone(WORD_TONES[word.key]);
    return;
  }
  const said = new SpeechSynthesisUtterance(t(`say.${word.key}`, { n: word.number, of: word.of }));
  said.voice = voice;
  said.lang = voice.lang;
  if (word.key === "count") speechSynthesis.cancel(); // a count that comes late is no count
  speechSynthesis.speak(said);
}

"""What a tap on the page asks for: strict messages, each carried out on the model."""

from typing import Literal

import msgspec

from edge import wire
from edge.errors import EdgeError
from edge.page.model import PageModel

__all__ = ["RefusedError", "carry_out"]


class RefusedError(EdgeError, ValueError):
    """A tap that cannot be carried out; `word` is its key in the message table."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


class _Tap(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do"):
    pass


class _Mute(_Tap, frozen=True, tag="mute"):
    on: bool


class _Pause(_Tap, frozen=True, tag="pause"):
    on: bool


class _Wear(_Tap, frozen=True, tag="wear"):
    orthosis: wire.Orthosis


class _Seen(_Tap, frozen=True, tag="seen"):
    id: str
    right: bool | None = None


class _Choose(_Tap, frozen=True, tag="choose"):
    language: Literal["en", "de"] | None = None
    sound: bool | None = None
    reminders: bool | None = None


class _Guide(_Tap, frozen=True, tag="guide"):
    exercise: wire.ExerciseName
    side: wire.Side | None = None


class _GuideStep(_Tap, frozen=True, tag="guide_step"):
    step: Literal["go_on", "set_done", "stop"]


class _Reminded(_Tap, frozen=True, tag="reminded"):
    pass


class _Practice(_Tap, frozen=True, tag="practice"):
    on: bool


_DECODER = msgspec.json.Decoder(
    _Mute | _Pause | _Wear | _Seen | _Choose | _Guide | _GuideStep | _Practice | _Reminded
)


def carry_out(model: PageModel, body: bytes) -> None:
    """Do what a tap asks for; the same tap twice, from two screens, is as one.

    Raises
    ------
    RefusedError
        It is not one of ours, or it cannot be done now.
    """
    try:
        tap = _DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise RefusedError("refused.unknown") from None
    match tap:
        case _Pause(on):
            (model.sharing.pause if on else model.sharing.resume)(model.now_ns())
        case _Wear(orthosis):
            model.wear(orthosis)
        case _Seen(alert, right):
            model.acknowledge(alert, right)
        case _Choose():
            _choose(model, tap)
        case _Mute(on):
            _mute(model, on)
        case _Reminded():
            model.close_reminder()
        case _Practice(on):
            _practise(model, on)
        case _Guide(exercise, side):
            _begin(model, exercise, side)
        case _GuideStep(step):
            _step(model, step)
    model.touch()


def _choose(model: PageModel, tap: _Choose) -> None:
    if tap.language is not None:
        model.choose("language", tap.language)
    if tap.sound is not None:
        model.choose("sound", tap.sound)
    if tap.reminders is not None:
        model.choose("reminders", tap.reminders)


def _mute(model: PageModel, on: bool) -> None:
    cues = model.parts.cues
    if cues is None:
        raise RefusedError("refused.no_cues")
    if bool(cues.muted) != on:
        cues.press_mute()


def _practise(model: PageModel, on: bool) -> None:
    if model.parts.cues is None:
        raise RefusedError("refused.no_cues")
    practice = model.parts.cues.practice
    if practice.state().running == on:
        return
    if not on:
        practice.stop()
        return
    try:
        practice.start()
    except EdgeError as error:
        reason = str(getattr(error, "reason", "")).replace(" ", "_")
        raise RefusedError(f"practice.{reason}") from None


def _begin(model: PageModel, exercise: str, side: str | None) -> None:
    guide = model.parts.guide
    dose = model.dose(exercise, side)
    if guide is None or dose is None:
        raise RefusedError("refused.not_planned")
    if guide.session is not None and not guide.session.is_over:
        raise RefusedError("refused.running")
    guide.begin(dose, model.now_ns())


def _step(model: PageModel, step: Literal["go_on", "set_done", "stop"]) -> None:
    guide = model.parts.guide
    if guide is None or guide.session is None:
        return
    if step == "stop":
        guide.stop(model.now_ns())
    elif step == "go_on":
        guide.session.go_on(model.now_ns())
    else:
        guide.session.mark_done(model.now_ns())

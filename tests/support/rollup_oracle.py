"""Rollups the slow and plain way: no shared code with `pipeline.rollup`, a loop per number.

Wear is judged minute by minute and trip risk half second by half second, so events have to lie on
whole minutes, and strides to last whole half seconds.
"""

import datetime as dt
import statistics
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from edge import wire

SECOND = 10**9
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
Fields = dict[str, Any]


def day_edges(day: dt.date, zone: str) -> tuple[int, int]:
    """Return begin and end of a local day."""
    ends = (dt.datetime.combine(day + dt.timedelta(n), dt.time(), ZoneInfo(zone)) for n in (0, 1))
    begin, end = (int(each.timestamp()) * SECOND for each in ends)
    return begin, end


def of_kind(events: Iterable[Any], kind: type, start: int, stop: int) -> list[Any]:
    """Return the events of a kind in a span."""
    return [e for e in events if type(e) is kind and start <= e.time_ns < stop]


def middle(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def stride_fields(strides: Sequence[wire.Stride]) -> Fields:
    """Return what the strides say."""
    level = [s for s in strides if "stairs" not in s.flags]
    fair = [s for s in strides if "implausible" not in s.flags]
    strikes = [s.strike for s in level if s.strike != "unknown"]
    swings = [s for s in strides if s.valid_swing]
    drags = [s for s in swings if s.toe_drag not in (None, "none")]
    pitch = known(s.pitch_at_contact_deg for s in fair if "stairs" not in s.flags)
    closed = [s for s in strides if s.stride_s is not None]
    clear = [c for c in known(s.clearance_mm for s in fair if s in closed) if c >= -8]
    far = [s for s in fair if s in closed and s.stride_length_m is not None]
    fields: Fields = {
        "steps": len(strides),
        "strides": len(closed),
        "valid_swings": len(swings),
        "drags": len(drags),
        "known_strikes": len(strikes),
        "heel_first": strikes.count("heel"),
        "flat": strikes.count("flat"),
        "toe_first": strikes.count("toe"),
        "pitch_strides": len(pitch),
        "pitch_at_contact_median_deg": middle(pitch),
        "clearance_strides": len(clear),
        "clearance_median_mm": middle(clear),
        "length_strides": len(far),
        "stride_length_m": middle([s.stride_length_m for s in far]),
        "stride_s_median": middle([s.stride_s for s in closed]),
    }
    if swings:
        fields["drags_per_100_swings"] = len(drags) / len(swings) * 100
    if strikes:
        fields["heel_first_percent"] = strikes.count("heel") / len(strikes) * 100
    if len(pitch) > 1:
        low, _, high = statistics.quantiles(pitch, n=4, method="inclusive")
        fields["pitch_at_contact_spread_deg"] = high - low
    if clear:
        under = sum(c < 10 for c in clear)
        fields["clearance_under_10mm_percent"] = under / len(clear) * 100
        tenths = statistics.quantiles(
            clear * 2 if len(clear) == 1 else clear, n=10, method="inclusive"
        )
        fields["clearance_p10_mm"] = tenths[0]
    for name, wanted in (("trip_risk_minutes", ("high",)), ("trip_risk_known_minutes", ())):
        cells = {
            s.time_ns - half * SECOND // 2
            for s in closed
            if s.trip_level is not None and (not wanted or s.trip_level in wanted)
            for half in range(round(s.stride_s * 2))
        }
        if any(s.trip_level is not None for s in closed):
            fields[name] = len(cells) / 120
    return fields


class Minutes:
    """Each minute of a day: the state of wear, None unknown, and whether walking; one device."""

    def __init__(self, events: Sequence[Any], start: int, stop: int) -> None:
        self.start = start
        wear = [e for e in events if isinstance(e, wire.Wear) and e.time_ns >= start - 12 * HOUR]
        changes = {e.time_ns // MINUTE: e.state for e in wear}
        extents, walks = set(), set()
        signs = {e.time_ns // MINUTE for e in wear}
        for event in events:
            if isinstance(event, (wire.Bout, wire.Tally)):
                begin = event.time_ns // MINUTE
                end = begin + int(event.duration_s) // 60
                signs |= {begin, end}
                extents |= set(range(begin, end))
                walks |= set(range(begin, end)) if isinstance(event, wire.Bout) else set()
        for a, b in pairwise(sorted(signs)):
            extents |= set(range(a, b)) if b - a <= 65 else set()
        self.states: list[str | None] = []
        self.walking = [at in walks for at in range(start // MINUTE, stop // MINUTE)]
        state = None
        for at in range(min(changes, default=start // MINUTE), stop // MINUTE):
            state = changes.get(at, state)
            if at >= start // MINUTE:
                self.states.append(state if at in extents else None)
        if len(self.states) < len(self.walking):  # the first change lies within the day
            self.states = [None] * (len(self.walking) - len(self.states)) + self.states

    def within(self, start: int, stop: int) -> tuple[list[str | None], list[bool]]:
        part = slice((start - self.start) // MINUTE, (stop - self.start) // MINUTE)
        return self.states[part], self.walking[part]


def wear_fields(events: Sequence[Any], minutes: Minutes, start: int, stop: int) -> Fields:
    """Return worn, sitting and walking seconds of one device."""
    states, walking = minutes.within(start, stop)
    tallies = [e for e in events if isinstance(e, wire.Tally) and e.worn_s is not None]
    tallied = {e.time_ns // HOUR for e in tallies}
    own = [e.worn_s for e in tallies if start <= e.time_ns < stop]
    free = [
        state
        for number, state in enumerate(states)
        if (start + number * MINUTE) // HOUR not in tallied
    ]
    fields: Fields = {}
    is_known = any(state is not None for state in states)
    if is_known or own:
        worn = 60.0 * sum(state not in (None, "off") for state in free) + sum(own)
        fields["worn_s"] = min(worn, (stop - start) / SECOND)
    if is_known:
        fields["sitting_s"] = 60.0 * states.count("sitting")
    if is_known or own or any(walking):
        fields["walking_s"] = 60.0 * sum(walking)
    return fields


def span_fields(
    events: Sequence[Any], minutes: Minutes, start: int, stop: int, side: str
) -> Fields:
    """Return what an hourly or daily point of a side says; nothing: there is no such point."""
    sides = ("left", "right") if side == "both" else (side,)

    def mine(kind: type) -> list[Any]:
        return [e for e in of_kind(events, kind, start, stop) if e.side in sides]

    cues = mine(wire.Cue)
    fields = stride_fields(mine(wire.Stride)) | {
        "near_trips": len(mine(wire.NearTrip)),
        "cues_given": sum(cue.given for cue in cues),
        "cues_suppressed": sum(not cue.given for cue in cues),
    }
    tallies = of_kind(events, wire.Tally, start, stop)
    if tallies:
        hours = {e.time_ns // HOUR for e in tallies}
        strides = [e for e in events if isinstance(e, wire.Stride) and e.side in sides]
        fields["strides_tallied"] = sum(getattr(e, f"strides_{s}") for e in tallies for s in sides)
        fields["strides_received"] = sum(s.time_ns // HOUR in hours for s in strides)
        if fields["strides_tallied"]:
            share = fields["strides_received"] / fields["strides_tallied"] * 100
            fields["completeness_percent"] = min(100.0, share)
    telling = ["steps", "near_trips", "cues_given", "cues_suppressed"]
    if side != "both":
        telling.append("strides_tallied")
    else:
        bouts = of_kind(events, wire.Bout, start, stop)
        fields["bouts"] = sum(not bout.continues for bout in bouts)
        fields |= wear_fields(events, minutes, start, stop)
        telling += ["walking_s", *(["known"] if tallies or "worn_s" in fields else [])]
        fields["known"] = True
    return fields if any(fields.get(name) for name in telling) else {}


def expected(
    events: Sequence[Any], days: Sequence[dt.date], zone: str
) -> dict[tuple[str, int, str], Fields]:
    """Return hourly and daily points by (measurement, time, side)."""
    found = {}
    for day in days:
        start, stop = day_edges(day, zone)
        minutes = Minutes(events, start, stop)
        spans = [("daily", start, stop)]
        spans += [("hourly", at, min(at + HOUR, stop)) for at in range(start, stop, HOUR)]
        for name, begin, end in spans:
            for side in ("left", "right", "both"):
                if fields := span_fields(events, minutes, begin, end, side):
                    fields.pop("known", None)
                    found[name, begin, side] = {k: v for k, v in fields.items() if v is not None}
    return found

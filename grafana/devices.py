"""Devices: is what we read complete, and which device needs a hand."""

from typing import Final

from grafana_foundation_sdk.builders import table, timeseries

from grafana.boards import DISCLAIMER, Board, board_link, device_variable
from grafana.colours import BLUE, ORANGE, PURPLE, SKY, VERMILLION
from grafana.dressing import Step, Words
from grafana.panels import about, bars, lines
from grafana.queries import Query, last
from grafana.scales import BATTERY, COMPLETE, YES_NO
from grafana.tables import Column, rows
from grafana.targets import Target

__all__ = ["UID", "devices"]

UID: Final = "heelfirst-devices"
LOW: Final = (Step(None, VERMILLION), Step(15, SKY))
MOST: Final = (Step(None, VERMILLION), Step(95, SKY))
CHOSEN: Final = "{device} =~ /^${device:regex}$/"
LEAST_INTERVAL: Final = "15m"
"""Ten devices over days: finer lines would cost more than anybody sees in them."""
A_BREAK_MS: Final = 3 * 3600 * 1000.0
ABOUT: Final = f"""\
{DISCLAIMER}

Read this page before any share: a low number may be a device and not a patient. A device without a
network keeps what it measured and sends it later; what was lost for good is counted under Gaps."""

TABLE: Final = Words(
    "Devices",
    "One line per device: its last word in 2 days. Waiting: events measured but not yet stored "
    "here, and the age of the oldest. Link: share of the samples of the last minute that came from "
    "the insole.",
    "heard minutes ago; online; clock known; nothing dropped; battery over 30 %; link over 95 %.",
    "not heard for a day: call. Waiting for hours: its network. Dropped: its disk was full. Clock "
    "not known: its times wait for a network too.",
    "No device of this clinic has sent its status in 90 days.",
)
POWER: Final = Words(
    "Battery",
    "The battery of each insole, the least of each moment.",
    "falls by day, full in the morning.",
    "under 15 % (dashed) before the evening: charge at night, or an old battery.",
    "These devices do not tell their battery.",
)
LINK: Final = Words(
    "Radio link",
    "Of the samples expected from each insole within a minute, the share that came; the least of "
    "each moment.",
    "over 95 %.",
    "lower: the Pi is too far from the patient's way, or another radio disturbs.",
    "No samples were expected in this time, or the devices do not tell.",
)
WAITING: Final = Words(
    "Events that wait on the device",
    "Measured and safe on the device's own disk, but not yet stored here.",
    "under 100, and back to 0.",
    "rising for hours: the device has no network. Nothing is lost until its disk is full.",
    "No status in this time: no device was online.",
)
ARRIVED: Final = Words(
    "Arrived per day",
    "Of the strides the device counted, the share that is stored here.",
    "over 95 % (dashed) once the day is over.",
    "less on an old day: see Gaps. Less today: it may still be on its way.",
    "No device sent its hourly tally in this time: completeness is not known.",
)
SAMPLES: Final = Words(
    "Samples received per day",
    "Of the samples the insoles should have sent to the device, the share that came.",
    "over 95 % (dashed).",
    "less: radio; steps in a gap are neither counted nor made up.",
    "No device sent its hourly tally in this time: this is not known.",
)
GAPS: Final = Words(
    "Time lost per day",
    "Minutes per day (in UTC) that are missing, by what was lost: samples on the radio, events or "
    "alerts on a full or damaged disk, raw recordings.",
    "some seconds of samples; no events, no alerts.",
    "events or alerts: look into the device's log; free its disk.",
    "No gap was reported in this time.",
)
GAP_LIST: Final = Words(
    "Gaps, newest first",
    "The last 100 gaps with how much was lost and why.",
    "short radio gaps.",
    "the reason says where to look.",
    "No gap was reported in this time.",
)
VERSIONS: Final = Words(
    "Reconnections and drops",
    "How often each device connected anew since it started, and events it had to drop.",
    "few reconnections a day; 0 dropped.",
    "many: its network. Any drop: its disk was full; see Gaps.",
    "No status in this time: no device was online.",
)
COLUMNS: Final = {
    "device": Column(width=140),
    "patient": Column(
        width=140,
        link=board_link("heelfirst-patient", "var-patient=${__value.text}"),
        link_title="Open this patient",
    ),
    "last heard": Column(unit="dateTimeFromNow", width=130),
    "online": Column(width=75, texts=YES_NO),
    "worn": Column(width=70, texts={"true": ("yes", SKY), "false": ("no", SKY)}),
    "sharing paused": Column(width=120, texts={"true": ("yes", ORANGE), "false": ("no", SKY)}),
    "clock known": Column(width=105, texts=YES_NO),
    "battery left": Column(unit="percent", width=105, decimals=0, steps=BATTERY),
    "battery right": Column(unit="percent", width=110, decimals=0, steps=BATTERY),
    "link left": Column(unit="percent", width=90, decimals=0, steps=COMPLETE),
    "link right": Column(unit="percent", width=95, decimals=0, steps=COMPLETE),
    "waiting": Column(width=80),
    "oldest": Column(unit="s", width=90, decimals=0),
    "outbox": Column(unit="bytes", width=90),
    "dropped": Column(width=85, steps=(Step(None, SKY), Step(1, VERMILLION))),
    "reconnections": Column(width=120),
    "version": Column(width=85),
    "setup": Column(width=70),
}


def devices() -> Board:
    """Return the dashboard of all devices."""
    board = Board(UID, "Devices", "Battery, link, gaps, outbox, versions.", "now-2d", "1m")
    board.variable(device_variable())
    board.add(about(ABOUT), 24, 3)
    board.add(_table(), 24, 9)
    board.add(_least(POWER, "battery", LOW), 12, 8)
    board.add(_least(LINK, "link", MOST), 12, 8)
    waiting = _each("status", 'max({waiting}) AS "waiting"', "time($__interval)")
    board.add(_rising(WAITING, (waiting,), 1000), 12, 8)
    board.add(_troubles(), 12, 8)
    arrived = _each("completeness", '{received_percent} AS "arrived"')
    board.add(bars(ARRIVED, (arrived,), "percent", {}, limits=(0, 100), marks=MOST), 12, 8)
    samples = _each("completeness", '{samples_received_percent} AS "samples"')
    board.add(bars(SAMPLES, (samples,), "percent", {}, limits=(0, 100), marks=MOST), 12, 8)
    board.add(_gaps(), 10, 9)
    board.add(_gap_list(), 14, 9)
    return board


def _each(
    table_name: str, select: str | tuple[str, ...], time: str = "", alias: str = "$tag_device"
) -> Target:
    group = ", ".join(filter(None, (time, "{device}")))
    return Target(Query(table_name, select, CHOSEN, group_by=group), alias=alias)


def _least(words: Words, what: str, marks: tuple[Step, ...]) -> timeseries.Panel:
    """Return the least of each side in each interval; a side without a sensor has no line."""
    sides = tuple(f'min({{{what}_{side}_percent}}) AS "{side}"' for side in ("left", "right"))
    targets = (_each("status", sides, "time($__interval)", "$tag_device $col"),)
    panel = lines(words, targets, "percent", {}, limits=(0, 100), marks=marks, gap_ms=A_BREAK_MS)
    return panel.interval(LEAST_INTERVAL)


def _table() -> table.Panel:
    def by_device(ref: str, time: str, *select: str) -> Target:
        query = Query("status", select, CHOSEN, time, group_by="{device}")
        return Target(query, ref, result="table")

    seen = by_device("A", last("90d"), 'last({online}) AS "online"', "{patient}")
    rest = by_device(
        "B",
        last("2d"),
        'last({worn}) AS "worn"',
        'last({is_paused}) AS "sharing paused"',
        'last({clock_known}) AS "clock known"',
        'last({battery_left_percent}) AS "battery left"',
        'last({battery_right_percent}) AS "battery right"',
        'last({link_left_percent}) AS "link left"',
        'last({link_right_percent}) AS "link right"',
        'last({waiting}) AS "waiting"',
        'last({oldest_s}) AS "oldest"',
        'last({outbox_bytes}) AS "outbox"',
        'last({dropped}) AS "dropped"',
        'last({reconnections}) AS "reconnections"',
        'last({agent_version}) AS "version"',
        'last({setup_revision}) AS "setup"',
    )
    renamed = {"Time 1": "last heard"}
    return rows(TABLE, (seen, rest), COLUMNS, join="device", sort="waiting", rename=renamed)


def _troubles() -> timeseries.Panel:
    columns = ('max({reconnections}) AS "reconnected"', 'max({dropped}) AS "dropped"')
    both = _each("status", columns, "time($__interval)", "$tag_device $col")
    return _rising(VERSIONS, (both,), 50)


def _rising(words: Words, targets: tuple[Target, ...], much: float) -> timeseries.Panel:
    """Return counts per device, coloured from where they are too many."""
    marks = (Step(None, SKY), Step(much, VERMILLION))
    panel = lines(words, targets, "short", {}, limits=(0, 5), marks=marks, gap_ms=A_BREAK_MS)
    return panel.interval(LEAST_INTERVAL)


def _gaps() -> timeseries.Panel:
    colours = {"samples": SKY, "events": VERMILLION, "alerts": PURPLE, "raw": BLUE}
    targets = tuple(
        Target(
            Query(
                "gap",
                f'sum({{duration_s}}) / 60 AS "{what}"',
                (CHOSEN, f"{{what}} = '{what}'"),
                group_by="time(1d)",
            ),
            ref,
        )
        for what, ref in zip(colours, "ABCD", strict=True)
    )
    return bars(GAPS, targets, "m", colours, stacked=True)


def _gap_list() -> table.Panel:
    columns = ("{device}", "{side}", "{what}", "{lost}", '{duration_s} AS "lasted"', "{reason}")
    newest = Query("gap", columns, CHOSEN, tail="ORDER BY time DESC LIMIT 100")
    shown = {
        "when": Column(unit="dateTimeAsIso", width=160),
        "device": Column(width=130),
        "side": Column(width=60),
        "what": Column(width=90),
        "lost": Column(width=80),
        "lasted": Column(unit="s", width=90, decimals=1),
        "reason": Column(),
    }
    return rows(GAP_LIST, (Target(newest, result="table"),), shown, rename={"Time": "when"})

"""Wiring pictures as SVG, from tables: `python -m hw.wiring FOLDER` writes them.

A picture is a list of wires from a pin of the Pi's header to a pin of a part; what sits in a wire,
such as a resistor, is named on it. Same tables, same bytes.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Final

__all__ = ["HEADER", "PICTURES", "Picture", "Wire", "draw", "write"]

HEADER: Final[dict[str, int]] = {
    "3V3": 1, "5V": 2, "GND": 6,
    "GPIO2 SDA": 3, "GPIO3 SCL": 5,
    "GPIO7 CE1": 26, "GPIO8 CE0": 24, "GPIO9 MISO": 21, "GPIO10 MOSI": 19, "GPIO11 SCLK": 23,
    "GPIO17 CE1": 11, "GPIO18 CE0": 12, "GPIO19 MISO": 35, "GPIO20 MOSI": 38, "GPIO21 SCLK": 40,
    "GPIO12": 32, "GPIO13": 33, "GPIO24": 18, "GPIO25": 22,
}  # fmt: skip
"""Pins of the Pi's 40-pin header that the pictures use; GND and 3V3 are on others as well."""

_COLOURS: Final = {"3V3": "#c62828", "5V": "#c62828", "GND": "#333333"}
_SIGNALS: Final = ("#1565c0", "#2e7d32", "#ef6c00", "#6a1b9a", "#00838f")
_ROW, _TOP, _WIDTH = 34, 74, 760
_PI_X, _PI_W, _PART_X, _PART_W = 20, 200, 520, 220


@dataclass(frozen=True, slots=True)
class Wire:
    """From a pin of the header to a pin of a part; `inline` is what sits in series in the wire."""

    pin: str
    part: str
    to: str
    inline: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """A title, wires in order (those of one part together), and lines of text below."""

    title: str
    wires: tuple[Wire, ...]
    notes: tuple[str, ...] = ()


_MOTOR = "MOSFET and motor"
_CHIP_LEFT, _CHIP_RIGHT = "LSM6DSOX, left shoe", "LSM6DSOX, right shoe"


def _converter(part: str, bus: tuple[str, str, str], select: str) -> tuple[Wire, ...]:
    clock, miso, mosi = bus
    return (
        Wire("3V3", part, "VDD, VREF; 100 nF to GND"),
        Wire(clock, part, "CLK"),
        Wire(miso, part, "DOUT"),
        Wire(mosi, part, "DIN"),
        Wire(select, part, "CS/SHDN"),
        Wire("GND", part, "AGND, DGND"),
    )


_SPI0 = ("GPIO11 SCLK", "GPIO9 MISO", "GPIO10 MOSI")
_SPI1 = ("GPIO21 SCLK", "GPIO19 MISO", "GPIO20 MOSI")

PICTURES: Final[dict[str, Picture]] = {
    "cues": Picture(
        "Cues: vibration motor, buzzer, lamp, mute button",
        (
            Wire("3V3", _MOTOR, "motor +"),
            Wire("GPIO12", _MOTOR, "gate; 10 kohm from it to GND", "100 ohm"),
            Wire("GND", _MOTOR, "source"),
            Wire("GPIO13", "buzzer, active, 3 V", "+"),
            Wire("GND", "buzzer, active, 3 V", "-"),
            Wire("GPIO24", "lamp (LED)", "anode", "470 ohm"),
            Wire("GND", "lamp (LED)", "cathode"),
            Wire("GPIO25", "mute button", "one leg"),
            Wire("GND", "mute button", "the other leg"),
        ),
        (
            "Motor - goes to the MOSFET's drain; a diode across the motor, its ring at motor +.",
            "The 10 kohm keep the motor off while the Pi boots or hangs. Buzzer: 10 mA at most.",
            "vibration_pin = 12, buzzer_pin = 13, led_pin = 24, mute_pin = 25",
        ),
    ),
    "lsm6dsox": Picture(
        "LSM6DSOX: one IMU per shoe on I2C",
        tuple(
            Wire(pin, chip, to)
            for chip, address in ((_CHIP_LEFT, "GND"), (_CHIP_RIGHT, "3V3"))
            for pin, to in (
                ("3V3", "VIN"),
                ("GPIO2 SDA", "SDA"),
                ("GPIO3 SCL", "SCL"),
                ("GND", "GND"),
                (address, "SDO/AD0"),
            )
        ),
        (
            "AD0 to GND is address 0x6A, the left foot; AD0 to 3V3 is 0x6B, the right foot.",
            "Cable under 1 m in all at 400 kHz; SDA and SCL each twisted with GND.",
        ),
    ),
    "mcp3208": Picture(
        "Force-sensing resistors: two MCP3208 for the left insole",
        _converter("MCP3208, cells 1-8", _SPI0, "GPIO8 CE0")
        + _converter("MCP3208, cells 9-16", _SPI0, "GPIO7 CE1"),
        (
            "Each cell: 3V3 - resistor of the insole - CH0..CH7, and 2.2 kohm from CHx to GND.",
            "Not 10 kohm: that saturates under a heel. /dev/spidev0.0 and /dev/spidev0.1",
        ),
    ),
    "mcp3208_right": Picture(
        "Force-sensing resistors: two MCP3208 for the right insole",
        _converter("MCP3208, cells 1-8", _SPI1, "GPIO18 CE0")
        + _converter("MCP3208, cells 9-16", _SPI1, "GPIO17 CE1"),
        (
            "Cells as for the left insole. /dev/spidev1.0 and /dev/spidev1.1 come by the line",
            "dtoverlay=spi1-2cs in /boot/firmware/config.txt",
        ),
    ),
}


def draw(picture: Picture) -> str:
    """Return a picture as SVG text; the same table gives the same text.

    Raises
    ------
    KeyError
        A wire begins at a pin that `HEADER` does not know.
    """
    rows = list(_rows(picture))
    bottom = _TOP + _ROW * (rows[-1][0] + 1)
    height = bottom + 26 + 20 * len(picture.notes)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" font-family="sans-serif" font-size="13">',
        f"<title>{escape(picture.title)}</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(_PI_X, 28, picture.title, size=17),
        _box(_PI_X, _TOP - 12, _PI_W, bottom - _TOP + 12, "#e8f5e9"),
        _text(_PI_X, _TOP - 20, "Raspberry Pi: header pin, name"),
    ]
    parts += _part_boxes(rows)
    parts += [_wire(place, wire) for place, wire in rows]
    parts += [_text(_PI_X, bottom + 24 + 20 * i, note) for i, note in enumerate(picture.notes)]
    return "\n".join([*parts, "</svg>", ""])


def write(folder: Path) -> list[Path]:
    """Write every picture to a folder, which is made; return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, picture in PICTURES.items():
        path = folder / f"{name}.svg"
        path.write_text(draw(picture), encoding="utf-8")
        paths.append(path)
    return paths


def _rows(picture: Picture) -> Iterator[tuple[int, Wire]]:
    """Yield each wire with its row; a part leaves one row free for its name."""
    row = 0
    for _, wires in groupby(picture.wires, lambda wire: wire.part):
        row += 1
        for wire in wires:
            yield row, wire
            row += 1


def _part_boxes(rows: list[tuple[int, Wire]]) -> Iterator[str]:
    for part, group in groupby(rows, lambda item: item[1].part):
        places = [row for row, _ in group]
        top = _TOP + _ROW * (places[0] - 1) + 2
        yield _box(_PART_X, top, _PART_W, _ROW * len(places) + 14, "#e3f2fd")
        yield _text(_PART_X + 12, top + 17, part, weight="bold")


def _wire(row: int, wire: Wire) -> str:
    y = _TOP + _ROW * row
    begin, end = _PI_X + _PI_W, _PART_X
    colour = _COLOURS.get(wire.pin, _SIGNALS[HEADER[wire.pin] % len(_SIGNALS)])
    parts = [
        f'<line x1="{begin}" y1="{y}" x2="{end}" y2="{y}" stroke="{colour}" stroke-width="2.5"/>',
        f'<circle cx="{begin}" cy="{y}" r="4" fill="{colour}"/>',
        f'<circle cx="{end}" cy="{y}" r="4" fill="{colour}"/>',
        _text(_PI_X + 12, y + 4, f"{HEADER[wire.pin]:>2}   {wire.pin}"),
        _text(_PART_X + 12, y + 4, wire.to),
    ]
    if wire.inline:
        width = 8 * len(wire.inline) + 12
        middle = (begin + end) // 2
        parts.append(_box(middle - width // 2, y - 11, width, 22, "#fff8e1"))
        parts.append(_text(middle, y + 4, wire.inline, anchor="middle"))
    return "\n".join(parts)


def _box(x: int, y: int, width: int, height: int, fill: str) -> str:
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" fill="{fill}" '
        f'stroke="#555555"/>'
    )


def _text(
    x: int, y: int, text: str, size: int = 13, weight: str = "normal", anchor: str = "start"
) -> str:
    style = f'font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" fill="#111111"'
    return f'<text x="{x}" y="{y}" {style}>{escape(text)}</text>'


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "hw/pictures"))

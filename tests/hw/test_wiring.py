"""The pictures are what the tables say; the parts list is whole."""

import csv
from pathlib import Path
from xml.etree import ElementTree

import pytest

import hw.wiring
from hw.devices import profiles
from hw.wiring import HEADER, PICTURES, Picture, Wire, draw, write

ROOM = Path(hw.wiring.__file__).parent


@pytest.mark.parametrize("name", PICTURES)
def test_the_picture_in_the_room_is_the_one_that_is_drawn(name: str) -> None:
    assert (ROOM / "pictures" / f"{name}.svg").read_text(encoding="utf-8") == draw(PICTURES[name])


@pytest.mark.parametrize("name", PICTURES)
def test_every_wire_is_in_its_picture(name: str) -> None:
    svg = ElementTree.fromstring(draw(PICTURES[name]))
    texts = [text.text for text in svg.iter("{http://www.w3.org/2000/svg}text")]
    for wire in PICTURES[name].wires:
        assert f"{HEADER[wire.pin]:>2}   {wire.pin}" in texts
        assert {wire.part, wire.to} <= set(texts)
    lines = list(svg.iter("{http://www.w3.org/2000/svg}line"))
    assert len(lines) == len(PICTURES[name].wires)
    assert len({line.get("y1") for line in lines}) == len(lines), "no wire lies on another"


def test_no_pin_does_two_things_over_all_pictures() -> None:
    shared = {"3V3", "5V", "GND", "GPIO2 SDA", "GPIO3 SCL"}
    buses = {pin for pin in HEADER if pin.endswith(("SCLK", "MISO", "MOSI"))}
    single = [
        wire.pin for picture in PICTURES.values() for wire in picture.wires
        if wire.pin not in shared | buses
    ]  # fmt: skip
    assert len(single) == len(set(single))
    assert len(set(HEADER.values())) == len(HEADER)


def test_what_the_pictures_name_is_what_the_profiles_say() -> None:
    notes = " ".join(note for picture in PICTURES.values() for note in picture.notes)
    wire = profiles.wire("mcp3208")
    assert all(path in notes for path in wire["left"] + wire["right"])
    imu = profiles.wire("lsm6dsox")
    assert f"0x{imu['left_address']:02X}, the left" in notes
    assert f"0x{imu['right_address']:02X}, the right" in notes
    assert wire["resistor_ohm"] == 2200.0
    assert "2.2 kohm" in notes


def test_the_settings_shown_for_cues_are_the_pins_drawn() -> None:
    pins = {wire.pin.removeprefix("GPIO") for wire in PICTURES["cues"].wires if "GPIO" in wire.pin}
    shown = PICTURES["cues"].notes[-1]
    assert pins == {part.partition(" = ")[2] for part in shown.split(", ")}


def test_an_unknown_pin_is_refused() -> None:
    with pytest.raises(KeyError):
        draw(Picture("x", (Wire("GPIO99", "part", "pin"),)))


def test_write_makes_one_file_each(tmp_path: Path) -> None:
    assert len(write(tmp_path / "new")) == len(PICTURES)


def test_the_bill_of_materials_is_whole() -> None:
    with (ROOM / "bom.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["build", "part", "quantity", "what to look for", "alternatives"]
    for row in rows:
        assert all(row.values()), row
        assert None not in row, row
        assert int(row["quantity"]) > 0

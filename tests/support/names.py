"""Telling names in a registry, and a search for them in whatever leaves it.

A name hides in many spellings: other case, without accents, percent-encoded, as JSON escapes, in
base64, one part alone. `Names.found_in` looks for all of them.
"""

import base64
import json
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, quote_plus

from pipeline.registry import Registry

PEOPLE = (
    "Wilhelmine Schlurfenberg",
    "Ödön Fallfußsson",
    "Zoë O'Tripperty-Quux",
    "足立 転子",
)
"""Made up, so that no ordinary text holds a part of them."""
SHORTEST = 4
"""Latin parts of fewer letters are found everywhere."""


class Patient(NamedTuple):
    """A seeded patient: the name that must not get out, and the id that may."""

    name: str
    patient: str
    device: str


def _parts(name: str) -> Iterator[str]:
    yield name
    for part in name.replace("-", " ").split():
        if len(part) >= SHORTEST or not part.isascii():
            yield part


def _without_accents(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def _base64_cores(data: bytes) -> Iterator[bytes]:
    """Yield what base64 of any text that holds `data` contains, for each of three offsets."""
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + data).rstrip(b"=")
        core = coded[(0, 2, 3)[shift] : len(coded) - 1]
        if len(core) >= SHORTEST + 2:
            yield core


def spellings(name: str) -> set[bytes]:
    """Return the byte strings by which a name or one of its parts could be met, in lower case."""
    found: set[bytes] = set()
    for part in _parts(name):
        for text in {part, _without_accents(part), part.lower()}:
            if len(text) < SHORTEST and text.isascii():
                continue
            forms = (text, quote(text), quote_plus(text), json.dumps(text)[1:-1])
            found |= {form.lower().encode() for form in (*forms, text.encode().hex())}
            found |= {text.encode("utf-16-le"), text.lower().encode("utf-16-le")}
    return found


class Names:
    """The people of a registry, and where they are met."""

    def __init__(self, people: Iterable[str] = PEOPLE) -> None:
        self.people = tuple(people)
        self._spellings = {name: spellings(name) for name in self.people}
        self._base64 = {
            name: {core for part in _parts(name) for core in _base64_cores(part.encode())}
            for name in self.people
        }

    async def seed(self, registry: Registry) -> list[Patient]:
        """Add every person with a device of their own."""
        seeded = []
        for number, name in enumerate(self.people, start=1):
            patient = await registry.add_patient(name)
            await registry.assign(f"insole-{number}", patient)
            seeded.append(Patient(name, patient, f"insole-{number}"))
        return seeded

    def found_in(self, text: str | bytes) -> set[str]:
        """Return the people whose name, in some spelling, is in the text."""
        data = text.encode(errors="surrogateescape") if isinstance(text, str) else text
        # bytes.lower() knows ASCII alone; both are searched, so that Ö and ö are the same.
        low = data.lower() + b"\n" + data.decode(errors="replace").lower().encode()
        return {
            name
            for name in self.people
            if any(form in low or form in data for form in self._spellings[name])
            or any(core in data for core in self._base64[name])
        }

    def found_in_files(self, folder: Path) -> dict[Path, set[str]]:
        """Return the files below a folder that name somebody, in their path or content."""
        met = {}
        for path in sorted(folder.rglob("*")):
            content = path.read_bytes() if path.is_file() else b""
            people = self.found_in(str(path.relative_to(folder))) | self.found_in(content)
            if people:
                met[path] = people
        return met

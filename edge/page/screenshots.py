"""Pictures of the page in Chromium, phone and tablet: `python -m edge.page.screenshots FOLDER`.

Needs playwright (the dev extra) and a Chromium on this machine; downloads no browser. What is on
the pictures is made up (example.py).
"""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from edge.page.errors import PageError
from edge.page.example import PLAN, ExamplePage, example_page

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

__all__ = ["CHROMIUM_ARGUMENTS", "SCENES", "SIZES", "Scene", "connect", "find_chromium", "take"]

SIZES: Final = {"phone": (390, 844), "tablet": (1024, 768)}
CHROMIUM_ARGUMENTS: Final = (
    "--no-sandbox",  # the tests' user may be root; the page is this machine's own
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_SETTLE_MS: Final = 450


class Scene(NamedTuple):
    """A picture: its name, the place on the page, and what happened before."""

    name: str
    place: str
    prepare: Callable[[ExamplePage], None]
    language: str = "en"
    scheme: str = "light"


def _sitting(example: ExamplePage) -> None:
    example.wear("sitting")


def _landing(strike: str, walking: bool = False) -> Callable[[ExamplePage], None]:
    def prepare(example: ExamplePage) -> None:
        example.wear("walking" if walking else "standing")
        for _ in range(12):
            example.land("heel")
        example.land(strike)

    return prepare


def _guide(count: int) -> Callable[[ExamplePage], None]:
    def prepare(example: ExamplePage) -> None:
        _sitting(example)
        example.guide.begin(PLAN[0], example.clock.monotonic_ns())
        for done in range(1, count + 1):
            example.repeat(done)

    return prepare


def _alerts(example: ExamplePage) -> None:
    _sitting(example)
    example.alert("repeated_toe_drag", 0.4)
    example.alert("battery_low", 3.0, technical=True)
    example.server.model.acknowledge("battery_low-left", None)


def _paused(example: ExamplePage) -> None:
    example.sharing.pause(example.clock.monotonic_ns())
    example.wear("standing")
    example.walk(35)


def _worn(example: ExamplePage) -> None:
    example.server.model.wear("afo")


def _practising(example: ExamplePage) -> None:
    example.cues.start()


def _nothing(example: ExamplePage) -> None:
    return


SCENES: Final = (
    Scene("now-rest", "now", _sitting),
    Scene("now-heel", "now", _landing("heel")),
    Scene("now-toe", "now", _landing("toe"), "de"),
    Scene("now-flat", "now", _landing("flat")),
    Scene("now-walking", "now", _landing("heel", walking=True)),
    Scene("now-walking-dark", "now", _landing("toe", walking=True), "de", "dark"),
    Scene("now-not-worn", "now", lambda example: example.wear("off")),
    Scene("now-dark", "now", _landing("heel"), "en", "dark"),
    Scene("today", "today", _sitting),
    Scene("today-dark", "today", _sitting, "de", "dark"),
    Scene("exercises", "exercises", _sitting),
    Scene("exercise", "exercises", _guide(7)),
    Scene("practice", "practice", _nothing),
    Scene("practising", "practice", _practising, "de"),
    Scene("day", "day", _worn),
    Scene("alerts", "alerts", _alerts),
    Scene("sharing", "sharing", _sitting),
    Scene("sharing-paused", "sharing", _paused, "de"),
    Scene("settings", "settings", _sitting),
    Scene("more", "more", _sitting, "de"),
)


def find_chromium() -> str:
    """Return the path of Chromium's program.

    Raises
    ------
    PageError
        There is none.
    """
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path:
            return path
    raise PageError("Chromium is not installed", "Run: sudo apt-get install chromium")


async def connect(page: "Page", example: ExamplePage, place: str = "now") -> None:
    """Type the code, and go to a place."""
    address = example.server.address
    await page.goto(address)
    await page.fill("#code", example.server.code)
    await page.click("button[type=submit]")
    await page.wait_for_selector("#link[data-link=live]")
    await page.goto(f"{address}#{place}")


async def take(folder: Path, say: Callable[[str], None]) -> None:
    """Write a picture of every scene in every size into a folder that exists."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_chromium(), args=list(CHROMIUM_ARGUMENTS)
        )
        for size in SIZES:
            for scene in SCENES:
                path = folder / f"{size}-{scene.name}.png"
                await _picture(browser, scene, size, path)
                say(str(path))
            await _pairing(browser, size, folder / f"{size}-pair.png")
        await browser.close()


async def _open(browser: "Browser", size: str, scheme: str) -> "Page":
    width, height = SIZES[size]
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,  # type: ignore[arg-type]  # one of the two literals
        reduced_motion="reduce",
        timezone_id="Europe/Berlin",
        locale="en-GB",
        device_scale_factor=1.5,
    )
    return await context.new_page()


async def _picture(browser: "Browser", scene: Scene, size: str, path: Path) -> None:
    page = await _open(browser, size, scene.scheme)
    with tempfile.TemporaryDirectory() as folder:
        async with example_page(Path(folder)) as example:
            example.setup()
            example.samples(0.15)
            example.day()
            example.done("ankle_dorsiflexion", "left")
            example.done("toe_taps", "left")
            example.server.model.choose("language", scene.language)
            scene.prepare(example)
            example.tick()
            await connect(page, example, scene.place)
            await page.wait_for_timeout(_SETTLE_MS)
            example.samples(0.35)
            example.tick()
            await page.wait_for_timeout(_SETTLE_MS)
            await page.screenshot(path=path)
    await page.context.close()


async def _pairing(browser: "Browser", size: str, path: Path) -> None:
    page = await _open(browser, size, "light")
    with tempfile.TemporaryDirectory() as folder:
        async with example_page(Path(folder)) as example:
            await page.goto(example.server.address)
            await page.fill("#code", "12")
            await page.screenshot(path=path)
    await page.context.close()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def main() -> None:
    """Take the pictures into the folder that is named."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "out/page")
    folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(take(folder, _say))


if __name__ == "__main__":
    main()

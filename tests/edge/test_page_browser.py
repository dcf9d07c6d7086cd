"""The page in a real Chromium: pairing, walking, an exercise, an outage, pause, acknowledgement."""

import asyncio
from contextlib import asynccontextmanager
from importlib import resources

import pytest
import pytest_asyncio
from page_room import browser
from playwright.async_api import expect

from edge.agent import Agent
from edge.config import AgentConfig, PageConfig, StateConfig
from edge.outbox import Outbox
from edge.page.example import ExampleClock, ExamplePage, example_page
from edge.page.screenshots import SIZES, connect
from edge.page.server import build_page
from edge.page.sharing import SharingPause
from edge.service import OutboxService
from edge.state import AgentState
from hw.clock import SystemClock
from hw.virtual import Phase, VirtualPatient, VirtualSource, preset

pytestmark = pytest.mark.asyncio(loop_scope="module")
SCREENS = ("now", "today", "exercises", "practice", "day", "alerts", "sharing", "settings", "more")
AXE = resources.files("axe_playwright_python").joinpath("axe.min.js")
TOO_SMALL = """() => {
  const shown = (node) => node.checkVisibility() && node.getClientRects().length;
  const name = (node) => `${node.tagName} ${node.textContent.trim().slice(0, 30)}`;
  const targets = [...document.querySelectorAll("a, button, input, summary")].filter(shown);
  const small = targets.filter((node) => {
    const box = node.getBoundingClientRect();
    return box.width < 48 || box.height < 48;
  });
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const tiny = new Set();
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !shown(node)) continue;
    if (parseFloat(getComputedStyle(node).fontSize) < 18) tiny.add(name(node));
  }
  const wide = document.documentElement.scrollWidth > innerWidth ? ["wider than the screen"] : [];
  return [...small.map(name), ...tiny, ...wide];
}"""
KEEP_SOCKET = """
globalThis.sockets = [];
globalThis.away = false;  // offline, a browser also holds back the end of a socket
globalThis.WebSocket = class extends WebSocket {
  constructor(url, ...given) {
    super(away ? "ws://127.0.0.1:9/" : url, ...given);
    sockets.push(this);
  }
};
"""
COUNT_TONES = """() => {
  globalThis.tones = 0;
  const make = AudioContext.prototype.createOscillator;
  AudioContext.prototype.createOscillator = function () {
    globalThis.tones += 1;
    return make.call(this);
  };
}"""
AXE_RUN = """async () => {
  const rules = { "color-contrast-enhanced": { enabled: true } };
  const found = await axe.run(document, { rules });
  return found.violations.map((one) => `${one.impact} ${one.id}: ${one.nodes[0].html}`);
}"""


@asynccontextmanager
async def opened(chromium, example, place="now", size="phone", scheme="light", **more):
    """A page in Chromium that is connected; an error of its scripts fails the test."""
    width, height = SIZES[size]
    context = await chromium.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, bypass_csp=False, **more
    )
    page = await context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    try:
        await connect(page, example, place)
        yield page
        assert errors == []
    finally:
        await context.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium():
    async with browser() as running:
        yield running


async def keep_sampling(example):
    while True:
        example.samples()
        await asyncio.sleep(0.3)


@pytest_asyncio.fixture(loop_scope="module")
async def example(tmp_path):
    async with example_page(tmp_path) as example:
        sampling = asyncio.create_task(keep_sampling(example))
        example.setup()
        example.samples()
        example.wear("sitting")
        example.day()
        example.tick()
        yield example
        sampling.cancel()


async def says(page, selector, text):
    """Wait until an element says so."""
    await expect(page.locator(selector)).to_contain_text(text, timeout=10_000)


async def test_wrong_code_then_the_right_one_then_too_many(chromium, example):
    context = await chromium.new_context(viewport={"width": 390, "height": 844})
    page = await context.new_page()
    wrong = f"{(int(example.server.code) + 1) % 10**6:06d}"
    await page.goto(example.server.address)
    await page.fill("#code", wrong)
    await page.press("#code", "Enter")
    await says(page, ".problem", "not right. Tries left: 4.")
    for _ in range(4):
        await page.fill("#code", wrong)
        await page.press("#code", "Enter")
        await page.wait_for_load_state()
    await says(page, ".problem", "Too many wrong codes. Please wait 1 min")
    await page.fill("#code", example.server.code)
    await page.press("#code", "Enter")
    await says(page, ".problem", "Walking goes on being recorded")
    await context.close()


async def test_walking_is_seen_and_calms_the_page_down(chromium, example):
    async with opened(chromium, example) as page:
        await says(page, "#now-word", "At rest")
        await says(page, "#goal", "2,250")
        example.wear("walking")
        example.land("toe")
        await says(page, "#now-word", "Toe first")
        assert await page.get_attribute("#state", "data-state") == "toe"
        await says(page, "#now-about", "Eyes up")
        assert not await page.is_visible("#details")
        example.land("heel")
        await says(page, "#now-word", "Heel first")
        example.wear("standing")
        example.land("heel")
        await says(page, "#streak", "2")
        assert await page.is_visible("#details")


async def test_tone_tells_a_change_after_a_tap_and_not_when_sound_is_off(chromium, example):
    async with opened(chromium, example) as page:
        await page.evaluate(COUNT_TONES)
        await page.click("#now-word")
        for strike in ("heel", "toe", "toe"):
            example.land(strike)
            await says(page, "#now-word", {"heel": "Heel", "toe": "Toe"}[strike])
        assert await page.evaluate("tones") == 3  # two for the heel, one for the toes
        example.server.model.choose("sound", False)
        example.land("heel")
        await says(page, "#now-word", "Heel")
        assert await page.evaluate("tones") == 3


async def test_helper_sees_everything_while_the_patient_walks(chromium, example):
    async with opened(chromium, example, "settings") as page:
        await page.click("[data-key=helper]")
        await page.click("nav a[href='#now']")
        example.wear("walking")
        example.land("heel")
        await says(page, "#now-word", "Heel first")
        assert await page.is_visible("#details")


async def test_exercise_is_led_through_its_count_and_stopped(chromium, example):
    async with opened(chromium, example, "exercises") as page:
        await says(page, "#screen-exercises", "Lift the foot")
        await page.click("[data-key=start]")
        await says(page, "#screen-exercises .phase", "Go")
        for count in range(1, 4):
            example.repeat(count)
        await says(page, ".ring b", "3")
        example.repeat(3, is_up=True, hold_s=0.6)
        await says(page, "#screen-exercises .phase", "Hold")
        for count in range(4, 13):
            example.repeat(count)
        await says(page, "#screen-exercises .phase", "Rest")
        await page.click("text=Go on")
        await says(page, ".guide", "Set 2 of 3")
        await page.click("text=Stop")
        await says(page, "#screen-exercises .phase", "Stopped")
        await page.click("text=Back to the plan")
        await says(page, "#screen-exercises", "Exercises today")


async def test_outage_is_said_plainly_and_the_page_comes_back(chromium, tmp_path):
    """The same state directory and port: what a restart of the agent is to a screen."""
    async with example_page(tmp_path) as first:
        first.samples()
        first.wear("sitting")
        context = await chromium.new_context(viewport={"width": 390, "height": 844})
        page = await context.new_page()
        await connect(page, first)
        port = int(first.server.address.rstrip("/").rpartition(":")[2])
        first.server.stop()
        await says(page, "#link-word", "No connection")
        await says(page, "#away", "The box ended its work at")
        assert await page.inner_text("#now-word") == "At rest"
    second = ExamplePage(tmp_path, ExampleClock(), PageConfig(port=port))
    serving = asyncio.create_task(second.server.run())
    second.samples()
    second.wear("standing")
    await says(page, "#link-word", "Live")
    assert await page.is_hidden("#away")
    await says(page, "#now-about", "You are standing")
    second.finish()
    second.server.stop()
    await serving
    await context.close()


async def test_broken_connection_claims_nothing_about_recording(chromium, example):
    async with opened(chromium, example) as page:
        await page.add_init_script(KEEP_SOCKET)
        await page.reload()
        await says(page, "#link-word", "Live")
        await page.evaluate("globalThis.away = true; for (const socket of sockets) socket.close()")
        await says(page, "#away", "From here nobody can see whether walking is being recorded")
        await page.evaluate("globalThis.away = false")
        await says(page, "#link-word", "Live")


async def test_sharing_is_paused_and_taken_up_again(chromium, example):
    async with opened(chromium, example, "sharing") as page:
        await page.click("[data-key=pause]")
        await says(page, "#screen-sharing", "Sharing is paused.")
        assert example.sharing.is_paused
        example.walk(6)
        example.tick()
        await says(page, "#screen-sharing", "Not kept so far: 6 entries.")
        await page.click("[data-key=pause]")
        await says(page, "[data-key=pause]", "Pause sharing")
        example.tick()
        assert example.sent[-1].lost == 6


async def test_alert_is_seen_by_one_tap_and_judged_by_another(chromium, example):
    async with opened(chromium, example, "alerts") as page:
        await says(page, "#screen-alerts", "No alerts. That means none was raised")
        example.alert("repeated_toe_drag")
        await says(page, "#bell-count", "1")
        await page.click("text=I have seen it")
        await says(page, "#screen-alerts", "Was it right?")
        assert await page.inner_text("#bell-count") == ""
        await page.click("#screen-alerts [data-key^=no]")
        await says(page, "#screen-alerts", "You said: it was not right.")


async def test_worn_today_by_one_tap(chromium, example):
    async with opened(chromium, example, "day") as page:
        await page.click("[data-key=fes]")
        await says(page, "#screen-day [aria-pressed=true]", "A stimulator")
        assert example.sent[-1].orthosis == "fes"


async def test_two_pages_and_two_languages_stay_in_step(chromium, example):
    async with opened(chromium, example, "settings") as one, opened(chromium, example) as two:
        await one.click("[data-key=de]")
        await says(two, "#now-word", "In Ruhe")
        await says(one, "#screen-settings", "Einstellungen")
        assert await two.get_attribute("html", "lang") == "de"


async def test_keyboard_reaches_the_action_and_keeps_its_place(chromium, example):
    async with opened(chromium, example) as page:
        await page.focus("[data-key=mute]")
        await page.keyboard.press("Enter")
        await says(page, "[data-key=mute]", "Cues on again")
        assert await page.evaluate("document.activeElement.dataset.key") == "mute"
        assert example.cues.muted
        await page.focus("nav a[href='#today']")
        await page.keyboard.press("Enter")
        await expect(page.locator("#today-title")).to_be_focused()


async def test_screen_reader_is_told_of_states_and_not_of_each_step(chromium, example):
    async with opened(chromium, example) as page:
        await says(page, "#said", "At rest")
        example.wear("walking")
        for strike in ("heel", "toe", "heel"):
            example.land(strike)
            await says(page, "#now-word", {"heel": "Heel first", "toe": "Toe first"}[strike])
        assert await page.inner_text("#said") == "At rest"
        example.wear("off")
        await says(page, "#said", "Not worn")


async def test_without_script_there_is_a_clear_word_and_a_simple_page(chromium, example):
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(example.server.address)
    await page.fill("#code", example.server.code)
    await page.click("button")
    await says(page, "#old", "This browser cannot show the live page.")
    await page.click("#old a")
    await says(page, "main", "At rest")
    await context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_screen_is_accessible_and_large_enough(chromium, example, scheme):
    """axe's rules with contrast of 7:1; text of 18 px, targets of 48 px, nothing to the side."""
    example.done("toe_taps", "left")
    example.alert("repeated_toe_drag")
    example.alert("battery_low", technical=True)
    example.reminder_name = "long_sitting"
    found = {}
    sizes = SIZES if scheme == "light" else ["phone"]
    for size in sizes:
        async with opened(
            chromium, example, size=size, scheme=scheme, reduced_motion="reduce"
        ) as page:
            await page.evaluate(AXE.read_text("utf-8"))
            for screen in SCREENS:
                await page.evaluate(f"location.hash = '{screen}'")
                await page.wait_for_selector(f"#screen-{screen} h1")
                found[size, screen] = await _problems(page)
            for state in ("heel", "toe", "flat", "unknown"):
                await page.evaluate("location.hash = 'now'")
                example.land(state)
                await page.wait_for_timeout(150)
                found[size, state] = await _problems(page)
    assert {place: problems for place, problems in found.items() if problems} == {}


async def test_states_beside_the_usual_ones_are_accessible(chromium, example):
    found = {}
    async with opened(chromium, example, "sharing") as page:
        await page.evaluate(AXE.read_text("utf-8"))
        example.sharing.pause(example.clock.monotonic_ns())
        example.tick()
        await says(page, "#screen-sharing", "Sharing is paused.")
        found["paused"] = await _problems(page)
        example.cues.start()
        await page.evaluate("location.hash = 'practice'")
        await says(page, "#screen-practice", "Stop practice")
        found["practice"] = await _problems(page)
        await page.evaluate("location.hash = 'today'")
        await page.click("summary")
        found["table"] = await _problems(page)
        await page.evaluate("location.hash = 'exercises'")
        await page.click("[data-key=start]")
        await says(page, "#screen-exercises .phase", "Go")
        found["guide"] = await _problems(page)
        example.wear("off")
        await page.evaluate("location.hash = 'now'")
        await says(page, "#now-word", "Not worn")
        found["off"] = await _problems(page)
    assert {place: problems for place, problems in found.items() if problems} == {}


async def _problems(page):
    axe = await page.evaluate(AXE_RUN)
    serious = [one for one in axe if one.startswith(("serious", "critical"))]
    return serious + await page.evaluate(TOO_SMALL)


async def test_pairing_page_and_simple_page_are_accessible(chromium, example):
    context = await chromium.new_context(viewport={"width": 390, "height": 844})
    page = await context.new_page()
    await page.goto(example.server.address)
    await page.evaluate(AXE.read_text("utf-8"))
    assert await _problems(page) == []
    await page.fill("#code", example.server.code)
    await page.click("button")
    await page.goto(f"{example.server.address}plain")
    await page.evaluate(AXE.read_text("utf-8"))
    assert await _problems(page) == []
    await context.close()


async def test_virtual_patient_is_seen_walking_through_the_whole_agent(chromium, tmp_path):
    clock = SystemClock(trust_wall=True)
    config = AgentConfig(
        affected="left", page=PageConfig(port=0), state=StateConfig(dir=str(tmp_path))
    )
    programme = (Phase("stand", 1.0), Phase("walk", 600.0))
    patient = VirtualPatient(preset("moderate", affected="left", programme=programme), seed=5)
    source = VirtualSource(patient, clock, 0.02)
    sharing = SharingPause(tmp_path / "sharing.json", "boot", clock.monotonic_ns())
    server = build_page(config, AgentState(), source.profile, clock, sharing)
    outbox = OutboxService(Outbox(config.outbox_path))
    agent = Agent(config, source, clock, outbox, companions=(sharing, server))
    serving, walking = asyncio.create_task(server.run()), asyncio.create_task(agent.run())
    await server.ready.wait()
    context = await chromium.new_context(viewport={"width": 390, "height": 844})
    page = await context.new_page()
    await page.goto(server.address)
    await page.fill("#code", server.code)
    await page.press("#code", "Enter")
    await expect(page.locator("#now-word")).to_contain_text(" first", timeout=20_000)
    await says(page, "#now-about", "Eyes up")
    await page.evaluate("location.hash = 'today'")
    await expect(page.locator(".total b")).to_be_visible(timeout=20_000)
    agent.stop()
    await walking
    server.stop()
    await serving
    await context.close()

"""The page over HTTP and WebSocket: nothing to see without a cookie, refusals, screens in step."""

import asyncio
import datetime
import json
import signal
import socket
import ssl

import pytest
import websockets
from page_room import Visitor, section

from edge.config import ConfigError, PageConfig, parse
from edge.page.example import ExampleClock, ExamplePage, example_page
from edge.page.pairing import unpair

PATHS = ("/words", "/static/page.js", "/static/../pair.html", "/live", "/nothing", "/index.html")


@pytest.fixture
async def example(tmp_path):
    async with example_page(tmp_path) as example:
        example.setup()
        example.samples()
        example.tick()
        yield example


@pytest.fixture
async def visitor(example):
    """Somebody who has typed the code."""
    found = Visitor(example.server.address)
    assert (await found.pair(example.server.code)).status == 303
    return found


# -- without a cookie ---------------------------------------------------------------------------


async def test_there_is_nothing_to_see_without_a_cookie(example):
    stranger = Visitor(example.server.address)
    for path in PATHS:
        assert (await stranger.ask("GET", path)).status == 401, path


async def test_page_leads_a_stranger_to_the_form(example):
    stranger = Visitor(example.server.address)
    for path in ("/", "/plain"):
        answer = await stranger.ask("GET", path)
        assert (answer.status, answer.headers["location"]) == (303, "/pair")
    form = await stranger.ask("GET", "/pair")
    assert b'name="code"' in form.body
    assert b"Not a medical device" in form.body


async def test_stranger_can_do_nothing(example):
    stranger = Visitor(example.server.address)
    assert (await stranger.tap(do="pause", on=True)).status == 401
    assert (await stranger.ask("POST", "/code")).status == 401
    assert not example.sharing.is_paused


async def test_websocket_without_a_cookie_is_refused(example):
    with pytest.raises(websockets.InvalidStatus) as caught:
        async with Visitor(example.server.address).watch():
            pass
    assert caught.value.response.status_code == 401


async def test_forged_cookie_is_refused(example):
    for forged in ("heelfirst_page=", "heelfirst_page=1.9999999999.00", "a=b", '"'):
        stranger = Visitor(example.server.address, forged)
        assert (await stranger.ask("GET", "/words")).status == 401, forged
        with pytest.raises(websockets.InvalidStatus):
            async with stranger.watch():
                pass


# -- pairing ------------------------------------------------------------------------------------


async def test_cookie_is_kept_from_scripts_and_from_other_sites(example):
    answer = await Visitor(example.server.address).pair(example.server.code)
    set_cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in set_cookie
    assert "samesite=strict" in set_cookie
    assert "max-age=" in set_cookie
    assert "secure" not in set_cookie


async def test_wrong_code_five_times_gives_a_pause_with_a_clear_word(example):
    guesser = Visitor(example.server.address)
    wrong = f"{(int(example.server.code) + 1) % 10**6:06d}"
    answers = [await guesser.pair(wrong) for _ in range(5)]
    assert [a.status for a in answers] == [403, 403, 403, 403, 429]
    assert b"Tries left: 4" in answers[0].body
    right = await guesser.pair(example.server.code)
    assert right.status == 429
    assert b"Please wait 1 min" in right.body
    assert b"Walking goes on" in right.body


async def test_form_speaks_german(example):
    visitor = Visitor(example.server.address)
    assert "Bildschirm verbinden" in (await visitor.ask("GET", "/pair?lang=de")).body.decode()


async def test_any_form_is_answered(example):
    for body in (b"", b"code=\xff", b"x" * 5000, b"&&&&&&&&&&&&"):
        answer = await Visitor(example.server.address).ask("POST", "/pair", body)
        assert answer.status == 403, body


async def test_connected_screen_gets_a_code_for_another(example, visitor):
    code = json.loads((await visitor.ask("POST", "/code")).body)["code"]
    assert (await Visitor(example.server.address).pair(code)).status == 303


@pytest.fixture
def quick_look(monkeypatch):
    monkeypatch.setattr("edge.page.server.LOOK_S", 0.05)


async def test_unpaired_screens_are_let_go(quick_look, example, visitor, tmp_path):
    async with visitor.watch() as socket:
        await section(socket, "now")
        unpair(tmp_path)
        with pytest.raises(websockets.ConnectionClosed):
            async with asyncio.timeout(10):
                while True:
                    await socket.recv()
    assert (await visitor.ask("GET", "/words")).status == 401


# -- other sites --------------------------------------------------------------------------------


async def test_what_another_page_posts_is_refused(example, visitor):
    message = json.dumps({"do": "pause", "on": True})
    for origin in ("", "http://evil.example", "null", "http://127.0.0.1:1"):
        assert (await visitor.ask("POST", "/tap", message, Origin=origin)).status == 403, origin
        with pytest.raises(websockets.InvalidStatus) as caught:
            async with visitor.watch(Origin=origin or "http://nobody"):
                pass
        assert caught.value.response.status_code == 403
    assert not example.sharing.is_paused


async def test_form_of_an_old_browser_tells_its_origin_by_the_referer(example):
    visitor = Visitor(example.server.address)
    body = f"code={example.server.code}"
    own, other = f"{example.server.address}pair", "http://evil.example/pair"
    assert (await visitor.ask("POST", "/pair", body, Origin="", Referer=other)).status == 403
    assert (await visitor.ask("POST", "/pair", body, Origin="", Referer=own)).status == 303


async def test_foreign_name_that_points_here_is_refused(visitor):
    for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "[::"):
        assert (await visitor.ask("GET", "/", Host=host)).status in (400, 421), host


async def test_headers_are_strict_everywhere(visitor):
    for path in ("/", "/pair", "/words", "/nothing", "/static/page.js"):
        headers = (await visitor.ask("GET", path)).headers
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "server" not in headers


# -- screens ------------------------------------------------------------------------------------


async def test_screen_gets_everything_first_and_then_what_changes(example, visitor):
    async with visitor.watch() as socket:
        first = json.loads(await socket.recv())
        assert {"now", "feet", "today", "alerts", "sharing", "settings"} <= first["s"].keys()
        example.wear("sitting")
        example.tick()
        assert await section(socket, "now", lambda now: now["state"] == "rest")


async def test_two_screens_stay_in_step(example, visitor):
    async with visitor.watch() as one, visitor.watch() as two:
        await section(one, "now")
        await section(two, "now")
        assert (await visitor.tap(do="wear", orthosis="afo")).status == 200
        assert await section(one, "wearing", lambda worn: worn == "afo")
        assert await section(two, "wearing", lambda worn: worn == "afo")
        assert (await visitor.tap(do="choose", language="de")).status == 200
        for screen in (one, two):
            assert await section(screen, "settings", lambda found: found["language"] == "de")


async def test_screen_that_opens_takes_nothing_from_those_that_are_open(example, visitor):
    async with visitor.watch() as one:
        await section(one, "now")
        example.server.model.wear("fes")
        async with visitor.watch() as two:
            assert await section(two, "wearing") == "fes"
            assert await section(one, "wearing", lambda worn: worn == "fes")


async def test_more_screens_than_there_may_be_are_told_to_come_later(example, visitor):
    from edge.page.hub import MOST_SCREENS

    async with asyncio.timeout(20):
        open_now = [await visitor.watch() for _ in range(MOST_SCREENS)]
        for screen in open_now:
            await section(screen, "now")
        async with visitor.watch() as late:
            with pytest.raises(websockets.ConnectionClosed):
                await late.recv()
        for screen in open_now:
            await screen.close()


async def test_screens_hear_that_the_agent_ends(example, visitor):
    async with visitor.watch() as screen:
        await section(screen, "now")
        example.server.stop()
        heard = []
        with pytest.raises(websockets.ConnectionClosed):
            while True:
                heard.append(json.loads(await screen.recv()))
        assert heard[-1] == {"bye": True}


async def test_refused_tap_has_a_word_of_the_table(example, visitor):
    answer = await visitor.tap(do="guide", exercise="heel_walk", side="left")
    assert (answer.status, json.loads(answer.body)) == (409, {"word": "refused.not_planned"})
    assert (await visitor.ask("POST", "/tap", b"x" * 5000)).status == 413


async def test_page_and_data_are_under_300_kib(visitor):
    total = 0
    for path in ("/", "/words", "/static/page.css", "/static/icon.svg"):
        total += len((await visitor.ask("GET", path)).body)
    scripts = ("page", "words", "figures", "sound", "now", "today", "exercises", "others")
    for name in scripts:
        total += len((await visitor.ask("GET", f"/static/{name}.js")).body)
    async with visitor.watch() as socket:
        total += len(await socket.recv())
    assert total < 300 * 1024


async def test_nothing_is_loaded_from_elsewhere(visitor):
    for path in (
        "/",
        "/pair",
        "/plain",
        "/static/page.css",
        "/static/icon.svg",
        "/static/words.js",
    ):
        text = (await visitor.ask("GET", path)).body.decode()
        assert text.replace("http://www.w3.org/", "").count("://") == 0
        assert "@import" not in text


async def test_files_are_packed_and_asked_for_only_once(visitor):
    first = await visitor.ask("GET", "/static/page.css", Accept_Encoding="gzip")
    assert first.headers["content-encoding"] == "gzip"
    again = await visitor.ask("GET", "/static/page.css", If_None_Match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")


async def test_simple_page_says_the_same_without_a_script(example, visitor):
    example.wear("sitting")
    example.walk(60)
    example.alert("near_trips")
    example.tick()
    text = (await visitor.ask("GET", "/plain")).body.decode()
    assert "<script" not in text
    for words in ("At rest", "60 of 3000 steps", "nearly tripped", "Not a medical device"):
        assert words in text


async def test_simple_page_has_no_good_news_without_data(tmp_path):
    async with example_page(tmp_path, known=False) as example:
        visitor = Visitor(example.server.address)
        await visitor.pair(example.server.code)
        text = (await visitor.ask("GET", "/plain")).body.decode()
    assert "No data" in text
    assert "does not know the time yet" in text
    assert "%" not in text


# -- serving ------------------------------------------------------------------------------------


async def test_taken_port_costs_the_page_only(tmp_path, monkeypatch):
    monkeypatch.setattr("edge.page.server.RETRY_S", (0.05, 0.1))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        example = ExamplePage(tmp_path, ExampleClock(), PageConfig(port=port))
        serving = asyncio.create_task(example.server.run())
        await asyncio.sleep(0.2)
        example.walk(5)
        assert len(example.sent) == 5
        assert not example.server.ready.is_set()
    async with asyncio.timeout(10):
        await example.server.ready.wait()
    assert example.server.address.endswith(f":{port}/")
    example.server.stop()
    await serving
    example.finish()


async def test_signals_stay_with_the_agent(example):
    """uvicorn would take SIGTERM for itself."""
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


async def test_certificate_that_cannot_be_read_costs_the_page_only(tmp_path, monkeypatch):
    monkeypatch.setattr("edge.page.server.RETRY_S", (0.05, 0.1))
    page = PageConfig(port=0, cert=str(tmp_path / "no.crt"), key=str(tmp_path / "no.key"))
    example = ExamplePage(tmp_path, ExampleClock(), page)
    serving = asyncio.create_task(example.server.run())
    await asyncio.sleep(0.3)
    assert not serving.done()
    assert not example.server.ready.is_set()
    example.walk(3)
    assert len(example.sent) == 3
    example.server.stop()
    await serving
    example.finish()


async def test_state_directory_that_cannot_be_written_is_said(example, visitor, tmp_path):
    code = example.server.code
    (tmp_path / "page-key").unlink()
    (tmp_path / "page-key").mkdir()
    assert (await visitor.ask("GET", "/words")).status == 401
    answer = await visitor.pair(code)
    assert answer.status == 503
    assert b"disk does not answer" in answer.body


@pytest.fixture
def certificate(tmp_path):
    """A certificate of this machine's address, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    cert_path, key_path = tmp_path / "page.crt", tmp_path / "page.key"
    cert_path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    kind = serialization.PrivateFormat.PKCS8
    key_path.write_bytes(key.private_bytes(serialization.Encoding.PEM, kind, plain))
    return cert_path, key_path


async def test_with_a_certificate_the_page_is_encrypted_and_so_is_its_cookie(tmp_path, certificate):
    cert, key = certificate
    context = ssl.create_default_context(cafile=str(cert))
    context.check_hostname = False  # asked by address here
    page = PageConfig(port=0, cert=str(cert), key=str(key))
    async with example_page(tmp_path / "state", page) as example:
        assert example.server.address.startswith("https://")
        visitor = Visitor(example.server.address, context=context)
        answer = await visitor.pair(example.server.code)
        assert "secure" in answer.headers["set-cookie"].lower()
        assert (await visitor.ask("GET", "/")).status == 200


@pytest.mark.parametrize(
    ("text", "key", "remedy"),
    [
        ("host = '0.0.0.0'", "page.host", "allow_plaintext"),
        ("host = '192.168.1.7'", "page.host", "page.cert"),
        ("cert = 'a.pem'", "page.key", "leave both empty"),
        ("key = 'a.pem'", "page.cert", "leave both empty"),
        ("language = 'fr'", "page.language", "sample.toml"),
        ("hots = 'a'", "page.hots", "host"),
    ],
)
def test_unsafe_setting_is_refused_with_its_remedy(text, key, remedy):
    with pytest.raises(ConfigError) as caught:
        parse(f"[page]\n{text}\n")
    assert caught.value.key == key
    assert remedy in caught.value.remedy


MEANT = (
    "host = '0.0.0.0'\nallow_plaintext = true",
    "host = '0.0.0.0'\nenabled = false",
    "host = '::1'",
)


@pytest.mark.parametrize("text", MEANT)
def test_home_network_is_served_where_it_is_meant(text):
    assert parse(f"[page]\n{text}\n").page.host

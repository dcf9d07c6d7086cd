"""Fault 21: every role, topic and kind of access on a real broker, against a table made by hand.

Each client publishes to each topic and each subscribes in several ways; what arrives where is
compared with the table. mosquitto grants every subscription and decides at each delivery, so
that "may not subscribe" reads here as "gets nothing".
"""

import datetime as dt
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from clinic_broker import (
    Keys,
    device_keys,
    enrol,
    running_clinic,
    service_keys,
)
from cryptography.hazmat.primitives import serialization
from mqtt_member import NOT_AUTHORISED, Member, Seen
from paho.mqtt.enums import MQTTProtocolVersion

from pipeline.provision import Clinic
from pipeline.provision.authority import key_pem, new_key

V5, V311 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311

ROLES = (
    "insole-1",
    "insole-2",
    "service.pipeline",
    "service.pipeline-2",
    "service.monitor",
    "service.home",
)
INTRUDERS = ("insole-9", "+", "#", "service.unknown/..")
"""Certificates that the authority does not give: a barred device's, and telling names."""

TABLE = """
topic                                   insole-1 insole-2 pipeline pipeline-2 monitor home
heelfirst/v1/insole-1/events               w        -        r         r         -        -
heelfirst/v1/insole-1/status               w        -        r         r         r        r
heelfirst/v1/insole-1/receipt              r        -        w         w         -        -
heelfirst/v1/insole-1/config               r        -        w         w         -        -
heelfirst/v1/insole-1/command              r        -        w         w         -        -
heelfirst/v1/insole-2/events               -        w        r         r         -        -
heelfirst/v1/insole-2/status               -        w        r         r         r        r
heelfirst/v1/insole-2/receipt              -        r        w         w         -        -
heelfirst/v1/insole-2/config               -        r        w         w         -        -
heelfirst/v1/insole-2/command              -        r        w         w         -        -
heelfirst/v1/insole-9/events               -        -        r         r         -        -
heelfirst/v1/insole-9/config               -        -        w         w         -        -
heelfirst/v1/service.pipeline/events       -        -        -         r         -        -
heelfirst/v1/service.pipeline/receipt      -        -        -         w         -        -
heelfirst/v1/service.monitor/status        -        -        r         r         -        r
heelfirst/v1/insole-1                      -        -        -         -         -        -
heelfirst/v1/insole-1/events/deeper        -        -        -         -         -        -
heelfirst/v1/insole-1/other                -        -        -         -         -        -
heelfirst/v1//events                       -        -        r         r         -        -
heelfirst/v2/insole-1/events               -        -        -         -         -        -
heelfirst                                  -        -        -         -         -        -
elsewhere                                  -        -        -         -         -        -
/heelfirst/v1/insole-1/events              -        -        -         -         -        -
heelfirst/v1/insole-1/home                 -        -        w         w         -        r
heelfirst/v1/insole-2/home                 -        -        w         w         -        r
homeassistant/device/insole-1/config       -        -        w         w         -        r
homeassistant/device/insole-1/state        -        -        -         -         -        -
homeassistant/status                       -        -        -         -         -        -
"""
ROWS = [line.split() for line in TABLE.strip().splitlines()[1:]]
TOPICS = [row[0] for row in ROWS]
RIGHTS = {
    **{role: {row[0]: row[1 + n] for row in ROWS} for n, role in enumerate(ROLES)},
    **{name: dict.fromkeys(TOPICS, "-") for name in INTRUDERS},
}
STYLES = {
    "all": ["#"],
    "levels": ["+/+/+/+", "heelfirst/+/+/+", "heelfirst/v1/+/#", "+", "+/+/+", "+/+/+/+/+"],
    "exact": TOPICS,
    "shared": [f"$share/group-of-NAME/{topic}" for topic in TOPICS],
    "shared all": ["$share/group-of-NAME/#"],
}


def smuggled(clinic: Clinic, folder: Path, name: str) -> Keys:
    """A certificate made behind the back of the clinic's rules, by its authority."""
    key = new_key()
    now = dt.datetime.now(dt.UTC)
    cert = clinic.authority.sign_client(key.public_key(), name, now)
    path = folder / f"smuggled-{name.encode().hex()}.pem"
    path.write_bytes(cert.public_bytes(serialization.Encoding.PEM) + key_pem(key))
    return Keys(Path(clinic.settings.folder, "ca.crt"), path, path)


class House:
    def __init__(self, clinic: Clinic, folder: Path) -> None:
        self.clinic = clinic
        self.folder = folder
        self.keys = {
            name: device_keys(enrol(clinic, folder, name)) for name in ("insole-1", "insole-2")
        }
        for name in ROLES[2:]:
            clinic.add_service(name)
            self.keys[name] = service_keys(clinic, name)
        enrol(clinic, folder, "insole-9")
        clinic.ledger.revoke("insole-9", dt.datetime.now(dt.UTC))
        clinic.write_broker_files()
        self.keys |= {name: smuggled(clinic, folder, name) for name in INTRUDERS}

    def member(
        self,
        name: str,
        version: MQTTProtocolVersion = V5,
        client_id: str = "",
    ) -> Member:
        return Member(self.clinic.settings.port, name, self.keys[name], version, client_id)

    @contextmanager
    def everybody(self, version: MQTTProtocolVersion) -> Iterator[list[Member]]:
        with ExitStack() as stack:
            yield [stack.enter_context(self.member(name, version)) for name in self.keys]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with running_clinic(tmp_path) as (clinic, broker):
        made = House(clinic, tmp_path)
        broker.stop()
        broker.start()
        yield made


def expected(reader: str) -> Seen:
    return {
        (writer, topic)
        for writer, rights in RIGHTS.items()
        for topic, right in rights.items()
        if right == "w" and RIGHTS[reader][topic] == "r"
    }


def filters(style: str, name: str) -> list[str]:
    """Each member has a share group of its own: a group's members would divide the messages."""
    group = name.encode().hex()
    return [each.replace("NAME", group) for each in STYLES[style]]


def sweep(members: list[Member], style: str) -> dict[str, Seen]:
    for member in members:
        member.subscribe(filters(style, member.name))
    for member in members:
        member.publish(TOPICS)
    for member in members:
        member.subscribe(["barrier"])
    return {member.name: member.seen for member in members}


@pytest.mark.parametrize("style", STYLES)
def test_everybody_gets_what_the_table_says(house: House, style: str) -> None:
    with house.everybody(V5) as members:
        seen = sweep(members, style)
    assert seen == {name: expected(name) for name in RIGHTS}


def test_mqtt_3_1_1_is_no_way_around(house: House) -> None:
    with house.everybody(V311) as members:
        seen = sweep(members, "all")
    assert seen == {name: expected(name) for name in RIGHTS}


def test_a_refused_message_is_answered_so(house: House) -> None:
    with house.everybody(V5) as members:
        answers = {member.name: member.publish(TOPICS) for member in members}
    refused = {
        name: {topic for topic, code in codes.items() if code == NOT_AUTHORISED}
        for name, codes in answers.items()
    }
    assert refused == {
        name: {topic for topic, right in rights.items() if right != "w"}
        for name, rights in RIGHTS.items()
    }


def test_retained_messages_obey_the_table(house: House) -> None:
    with house.everybody(V5) as members:
        for member in members:
            member.publish(TOPICS, retain=True)
        for member in members:
            member.subscribe(["#"])
            member.subscribe(["barrier"])
        seen = {member.name: member.seen for member in members}
    last = {
        topic: name for name, rights in RIGHTS.items() for topic in rights if rights[topic] == "w"
    }
    assert seen == {
        name: {(last[topic], topic) for topic in TOPICS if topic in last and rights[topic] == "r"}
        for name, rights in RIGHTS.items()
    }


def test_a_foreign_client_id_takes_nobodys_place(house: House) -> None:
    with (
        house.member("insole-1", client_id="insole-1") as victim,
        house.member("insole-2", client_id="insole-1") as spoofer,
        house.member("service.pipeline") as pipeline,
    ):
        victim.subscribe(["#"])
        spoofer.subscribe(["#"])
        pipeline.subscribe(["#"])
        spoofer.publish(TOPICS)
        pipeline.publish(["heelfirst/v1/insole-1/receipt"])
        for member in (victim, spoofer, pipeline):
            member.subscribe(["barrier"])
        assert not victim.lost
        assert victim.seen == {("service.pipeline", "heelfirst/v1/insole-1/receipt")}
        assert spoofer.seen == set()
        assert {topic for _, topic in pipeline.seen} == {
            "heelfirst/v1/insole-2/events",
            "heelfirst/v1/insole-2/status",
        }


def test_a_foreign_user_name_gives_no_rights(house: House) -> None:
    spoofer = house.member("insole-2")
    spoofer.login_as("service.pipeline")
    with house.member("insole-1") as victim, spoofer:
        victim.subscribe(["#"])
        answers = spoofer.publish(["heelfirst/v1/insole-1/config", "heelfirst/v1/insole-2/events"])
        victim.subscribe(["barrier"])
        assert victim.seen == set()
    assert answers["heelfirst/v1/insole-1/config"] == NOT_AUTHORISED
    assert answers["heelfirst/v1/insole-2/events"] != NOT_AUTHORISED


def test_a_last_will_speaks_for_its_own_device_only(house: House) -> None:
    with house.member("service.pipeline") as pipeline:
        pipeline.subscribe(["#"])
        for name in ("insole-1", "insole-2"):
            dying = house.member("insole-2")
            dying.will(f"heelfirst/v1/{name}/status", f"of {name}")
            with dying:
                dying.drop()
            with house.member("insole-2"):  # takes over, so the will has been sent by now
                pipeline.subscribe(["barrier"])
        assert pipeline.seen == {("of insole-2", "heelfirst/v1/insole-2/status")}


def test_the_monitor_alone_reads_the_brokers_own_topics(house: House) -> None:
    with house.everybody(V5) as members:
        for member in members:
            member.subscribe(["$SYS/#", "$SYS/broker/version"])
            member.subscribe(["barrier"])
        curious = {member.name for member in members if member.seen}
    assert curious == {"service.monitor"}


def test_a_hole_in_the_list_is_seen(house: House) -> None:
    """The check of the check: one line too many, and the table does not hold."""
    acl = Path(house.clinic.settings.folder, "acl")
    acl.write_text("pattern read heelfirst/v1/+/events\n" + acl.read_text())
    house.clinic.reload()
    with house.everybody(V5) as members:
        seen = sweep(members, "all")
    assert ("insole-2", "heelfirst/v1/insole-2/events") in seen["insole-1"]

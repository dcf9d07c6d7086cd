"""InfluxDB 2.x: organisation, buckets, their names for InfluxQL, scoped tokens. 3: databases."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from pipeline.config import PipelineConfig
from pipeline.provision.databases import ACCOUNTS, make_tokens
from pipeline.provision.errors import ServerError
from pipeline.provision.files import read_secret, write_secret
from pipeline.setup.api import Api
from pipeline.setup.step import Options, Step

__all__ = ["set_up_influx2"]

_DAY_S: Final = 86_400


def set_up_influx2(config: PipelineConfig, folder: Path, options: Options) -> Iterator[Step]:
    """See `pipeline.setup.set_up`; a fresh 2.x gets its administrator and organisation, too."""
    api = Api(config.store.url)
    wanted = ((config.store.bucket, options.keep_days), (config.rollups.bucket, 0))
    if api.version().startswith("3"):
        yield from _set_up_3(api, wanted, options)
        return
    org = config.store.org or "heelfirst"
    token_file = options.admin_file or folder / f"influx2-{options.admin}.token"
    if api.get("/api/v2/setup").get("allowed"):
        yield _first_administrator(api, folder, token_file, org, wanted[0][0], options)
    elif options.admin_file is not None:
        yield Step(f"administrator's token in {token_file}", False)
    elif token_file.exists():
        yield Step(f"administrator {options.admin}, token in {token_file}", False)
    api.token = read_secret(token_file).decode()
    org_id = _organisation(api, org)
    for name, days in wanted:
        bucket = _bucket(api, org_id, name)
        yield from _make_bucket(api, org_id, name, days, bucket)
        yield _name_for_influxql(api, org_id, name)
    yield from _make_tokens(api, config, org, org_id, folder, token_file, options)
    for section, account in (("store", "ingest"), ("rollups", "rollups")):
        where = f'org = "{org}", ' if section == "store" else ""
        path = folder / f"influx2-{account}.token"
        yield Step(f'[{section}] {where}token_file = "{path}"', None)


def _first_administrator(
    api: Api, folder: Path, token_file: Path, org: str, bucket: str, options: Options
) -> Step:
    password = secrets.token_urlsafe(32)
    password_file = folder / f"influx2-{options.admin}.password"
    write_secret(password_file, password.encode())
    made = api.post(
        "/api/v2/setup",
        username=options.admin,
        password=password,
        org=org,
        bucket=bucket,
        retentionPeriodSeconds=options.keep_days * _DAY_S,
    )
    write_secret(token_file, str(made["auth"]["token"]).encode())
    text = f"administrator {options.admin} and organisation {org}"
    return Step(f"{text}, token in {token_file}, password in {password_file}", True)


def _organisation(api: Api, org: str) -> str:
    found = api.get(f"/api/v2/orgs?{urlencode({'org': org})}").get("orgs", [])
    if not found:
        raise ServerError(f"there is no organisation {org!r}: set store.org to one that is there")
    return str(found[0]["id"])


def _bucket(api: Api, org_id: str, name: str) -> dict[str, Any] | None:
    query = urlencode({"orgID": org_id, "name": name})
    found = api.get(f"/api/v2/buckets?{query}").get("buckets", [])
    return next((each for each in found if each["name"] == name), None)


def _make_bucket(
    api: Api, org_id: str, name: str, days: int, bucket: dict[str, Any] | None
) -> Iterator[Step]:
    rules = [{"type": "expire", "everySeconds": days * _DAY_S}] if days else []
    text = f"retention of {name}: {days} days" if days else f"retention of {name}: for good"
    if bucket is None:
        api.post("/api/v2/buckets", orgID=org_id, name=name, retentionRules=rules)
        yield Step(f"bucket {name}", True)
        yield Step(text, True)
        return
    yield Step(f"bucket {name}", False)
    kept_s = sum(rule.get("everySeconds", 0) for rule in bucket.get("retentionRules", []))
    if kept_s != days * _DAY_S:
        api.patch(f"/api/v2/buckets/{bucket['id']}", retentionRules=rules)
    yield Step(text, kept_s != days * _DAY_S)


def _name_for_influxql(api: Api, org_id: str, name: str) -> Step:
    """Let InfluxQL find the bucket by its name: reads and dashboards ask in InfluxQL."""
    text = f"name {name} for InfluxQL"
    query = urlencode({"orgID": org_id, "db": name})
    if api.get(f"/api/v2/dbrps?{query}").get("content"):
        return Step(text, False)
    bucket = _bucket(api, org_id, name)
    assert bucket is not None  # made right before
    api.post(
        "/api/v2/dbrps",
        orgID=org_id,
        bucketID=bucket["id"],
        database=name,
        retention_policy="autogen",
        default=True,
    )
    return Step(text, True)


def _make_tokens(
    api: Api,
    config: PipelineConfig,
    org: str,
    org_id: str,
    folder: Path,
    admin_file: Path,
    options: Options,
) -> Iterator[Step]:
    query = urlencode({"orgID": org_id})
    there = api.get(f"/api/v2/authorizations?{query}").get("authorizations", [])
    names = {each.get("description") for each in there if each.get("status") != "inactive"}
    for account in ACCOUNTS:
        path = folder / f"influx2-{account.name}.token"
        is_new = options.rotate or f"heelfirst {account.name}" not in names or not path.exists()
        if is_new:
            make_tokens(
                config.store.url,
                folder,
                org=org,
                raw=config.store.bucket,
                daily=config.rollups.bucket,
                admin_file=admin_file,
                accounts=(account,),
            )
        yield Step(f"account {account.name}, token in {path}", is_new)


def _set_up_3(api: Api, wanted: tuple[tuple[str, int], ...], options: Options) -> Iterator[Step]:
    """Make the databases of InfluxDB 3, whose tokens are made by its own command line."""
    api.token = read_secret(options.admin_file).decode() if options.admin_file else ""
    listed = api.get("/api/v3/configure/database?format=json").get("list", [])
    there = {each.get("iox::database") for each in listed}
    for name, days in wanted:
        if name not in there:
            keep = {"retention_period": f"{days}d"} if days else {}
            api.post("/api/v3/configure/database", db=name, **keep)
        yield Step(f"database {name}", name not in there)
    yield Step(
        "no accounts: make a token with `influxdb3 create token` and put it into store.token_file; "
        "InfluxDB 3 Core has administrators' tokens alone, and removes no single rows",
        None,
    )

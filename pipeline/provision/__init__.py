"""Provisioning: the clinic's authority, its broker, its devices' certificates, its tokens."""

from pipeline.provision.broker import BrokerSettings
from pipeline.provision.clinic import Clinic, Revocation
from pipeline.provision.databases import make_tokens, make_users
from pipeline.provision.errors import ProvisionError
from pipeline.provision.files import read_secret

__all__ = [
    "BrokerSettings",
    "Clinic",
    "ProvisionError",
    "Revocation",
    "make_tokens",
    "make_users",
    "read_secret",
]

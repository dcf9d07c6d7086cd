"""JSON over HTTP to an InfluxDB 2.x or 3, with the administrator's token."""

import json
import urllib.error
import urllib.request
from typing import Any, Final

from pipeline.provision.errors import ServerError

__all__ = ["Api"]

_TIMEOUT_S: Final = 10.0


class Api:
    """Calls one server; `token` empty: none is sent."""

    def __init__(self, url: str, token: str = "") -> None:
        self._url = url.rstrip("/")
        self.token = token

    def version(self) -> str:
        """Return the server's version, "" where it does not say; raise `ServerError`."""
        try:
            with urllib.request.urlopen(f"{self._url}/ping", timeout=_TIMEOUT_S) as answer:
                return str(answer.headers.get("X-Influxdb-Version", "")).lstrip("v")
        except urllib.error.HTTPError as error:
            with error:  # version 3 answers 401 without a token, and says what it is all the same
                return str(error.headers.get("X-Influxdb-Version", "")).lstrip("v")
        except OSError as error:
            raise self._silent(error) from None

    def get(self, path: str) -> dict[str, Any]:
        """Return the answer to a GET."""
        return self._call("GET", path, None)

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        """Return the answer to a POST."""
        return self._call("POST", path, body)

    def patch(self, path: str, **body: Any) -> dict[str, Any]:
        """Return the answer to a PATCH."""
        return self._call("PATCH", path, body)

    def _call(self, method: str, path: str, body: Any) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                said = " ".join(error.read(300).decode(errors="replace").split())
            raise ServerError(
                f"{self._url}{path.partition('?')[0]} answered {error.code}: "
                f"{said or 'no explanation'}; check the administrator's token file"
            ) from None
        except OSError as error:
            raise self._silent(error) from None
        try:
            found = json.loads(text) if text else {}
        except ValueError:
            found = {}
        return found if isinstance(found, dict) else {"list": found}

    def _silent(self, error: OSError) -> ServerError:
        return ServerError(f"no answer from InfluxDB at {self._url} ({error}); start it")

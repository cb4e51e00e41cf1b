"""Events sent over HTTP: batches of JSON lines, to any address that takes them."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener

from hogtrace._engine import ENGINE_VERSION, CaptureEvent, encode_lines
from hogtrace.errors import ConfigError, ExportError, RetryError, UnknownOutcomeError
from hogtrace.exporters.answers import retry_after
from hogtrace.exporters.checks import checked_flag, checked_headers, checked_seconds, host_of

__all__ = ["HTTPExporter"]

_TRANSIENT: Final = frozenset((408, 425, 429, 500, 502, 503, 504))
"""Answers after which the same batch may be taken later."""

_OWN: Final = frozenset(("content-type", "content-encoding", "content-length", "x-hogtrace-signature"))
"""Headers that say what is sent, so nobody else may."""


class HTTPExporter:
    """Posts each batch to `url` as lines of JSON, one for each event (`application/x-ndjson`).

    `headers` are sent along, an `Authorization` for one. `compress` sends the body with gzip. With `secret`, a text or
    bytes, each request carries `X-HogTrace-Signature: t=<Unix time>,sha256=<hex>`, the HMAC of the time, a dot and the
    body as it is sent. `timeout` is the time in seconds that connecting, and each wait for the server, may take.
    Proxies are those of the environment (`HTTPS_PROXY`, `NO_PROXY`); redirects are not followed.

    An answer 408, 425, 429 or 5xx, or no connection, has the batch sent again later, by `Retry-After` where there is
    one; where the server fell silent after the batch was sent, nobody knows whether it has it, and it is not sent
    again: cause `unknown`. Any other answer but 2xx drops the batch. Events that come twice all the same have the same
    `id`.

    Raises `ConfigError` for an address that is not http or https, a header that cannot be sent, an empty `secret`, or
    whatever else cannot be followed.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        compress: bool = True,
        secret: str | bytes | None = None,
        timeout: float = 10.0,
    ) -> None:
        self._host = host_of(url, "HTTPExporter: `url`", instead="`headers` an Authorization")
        self._url = url
        self._headers = {"User-Agent": f"hogtrace/{ENGINE_VERSION}", **_checked(headers or {})}
        self._headers["Content-Type"] = "application/x-ndjson"
        if compress:
            self._headers["Content-Encoding"] = "gzip"
        self._compress = checked_flag(compress, "HTTPExporter: `compress`")
        self._secret = _key(secret)
        self._timeout = checked_seconds(timeout, "HTTPExporter: `timeout`")
        self._opener: OpenerDirector | None = None

    def __repr__(self) -> str:
        # The path and the query may hold a key.
        return f"<hogtrace.HTTPExporter to {self._host}>"

    def export(self, events: Sequence[CaptureEvent]) -> None:
        """Post `events`. Raises `RetryError`, `UnknownOutcomeError`, or `ExportError` if they are not wanted."""
        body = encode_lines(events)
        if self._compress:
            body = gzip.compress(body, compresslevel=6, mtime=0)
        headers = dict(self._headers)
        if self._secret is not None:
            now = str(int(time.time()))
            signature = hmac.new(self._secret, f"{now}.".encode() + body, hashlib.sha256).hexdigest()
            headers["X-HogTrace-Signature"] = f"t={now},sha256={signature}"
        if self._opener is None:
            self._opener = build_opener(_NoRedirects)
        # The address was looked at when this was made.
        request = Request(self._url, data=body, headers=headers, method="POST")  # noqa: S310
        try:
            with self._opener.open(request, timeout=self._timeout) as answer:
                answer.read(1)
        except HTTPError as error:
            with error:
                self._judge(error)
        except URLError as error:
            # Nothing was sent: the connection was not made, or it broke while the body went out.
            raise RetryError(f"no connection to {self._host}: {error.reason}") from None
        except (HTTPException, OSError) as error:
            raise UnknownOutcomeError(f"{self._host} did not answer: {type(error).__name__}") from None

    def close(self) -> None:
        """Let go of the connection's settings; no connection is kept between batches."""
        if self._opener is not None:
            self._opener.close()
            self._opener = None

    def _judge(self, error: HTTPError) -> None:
        told = f"{self._host} answered {error.code}"
        if error.code in _TRANSIENT:
            raise RetryError(told, after=retry_after(error.headers.get("Retry-After"))) from None
        raise ExportError(told) from None


class _NoRedirects(HTTPRedirectHandler):
    """A redirect is an answer like any other: the events go where the settings say, and nowhere else."""

    def redirect_request(self, *_: object) -> None:
        """Follow none."""


def _checked(headers: Mapping[str, str]) -> dict[str, str]:
    checked = checked_headers(headers, "HTTPExporter")
    for name in checked:
        if name.lower() in _OWN:
            raise ConfigError(f"HTTPExporter: the header {name} is HogTrace's own to set")
    return checked


def _key(secret: object) -> bytes | None:
    if secret is None:
        return None
    # An empty one, as a variable that is not set gives, would sign in a way that everybody can.
    if not isinstance(secret, str | bytes) or not secret:
        raise ConfigError("HTTPExporter: `secret` must be text or bytes, and not empty")
    return secret.encode() if isinstance(secret, str) else secret

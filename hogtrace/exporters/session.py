"""Requests that other libraries make, one attempt each, and what came of them."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from http import HTTPStatus
from io import BytesIO
from time import monotonic
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.exceptions import ConnectionError as RequestConnectionError
from requests.exceptions import ConnectTimeout, ProxyError, RequestException, SSLError
from urllib3.exceptions import MaxRetryError

from hogtrace.errors import ExportError, RetryError, UnknownOutcomeError
from hogtrace.exporters.answers import Attempt, retry_after
from hogtrace.exporters.parts import TooLargeError

__all__ = ["Session"]

_LONGEST_ANSWER: Final = 1 << 20  # bytes


class Session(Attempt[tuple[str, bytes]], requests.Session):
    """A session that makes one attempt; whoever asks gets an empty answer 200 every time.

    The answer to be taken is the type and the body of one that said yes. `transient` are the answers after which the
    same may be taken later.
    """

    def __init__(self, transient: AbstractSet[int], timeout: float | None = None) -> None:
        super().__init__()
        # Without any, requests asks ~/.netrc, and what stands there would replace the header of the settings.
        self.auth = _as_it_is
        self._transient = transient
        self._timeout = timeout

    def request(self, method: Any, url: Any, *arguments: Any, **options: Any) -> requests.Response:
        """Make the request, and give an empty answer 200 whatever came of it."""
        options["allow_redirects"] = False
        options["stream"] = True
        if self._timeout is not None:
            options["timeout"] = self._timeout
        host = urlsplit(url).hostname or ""
        try:
            self._result = self._ask(method, url, host, arguments, options)
        except ExportError as error:
            # Without what it came from, which holds the request with its headers.
            self._result = error.with_traceback(None)
        accepted = requests.Response()
        accepted.status_code = HTTPStatus.OK
        accepted.raw = BytesIO()
        return accepted

    def _ask(
        self, method: str, url: str, host: str, arguments: tuple[Any, ...], options: dict[str, Any]
    ) -> tuple[str, bytes]:
        deadline = monotonic() + (options.get("timeout") or 10.0)
        try:
            answer = super().request(method, url, *arguments, **options)
        except (ConnectTimeout, SSLError, ProxyError) as error:
            raise RetryError(f"no connection to {host}: {type(error).__name__}") from None
        except RequestConnectionError as error:
            inner = error.args[0] if error.args else None
            if isinstance(inner, MaxRetryError):
                # The address is not in this text, for it may hold a key.
                raise RetryError(f"no connection to {host}: {type(inner.reason).__name__}") from None
            raise UnknownOutcomeError(f"{host} hung up before it answered") from None
        except requests.Timeout:
            raise UnknownOutcomeError(f"{host} did not answer in time") from None
        except RequestException as error:
            raise ExportError(f"the request cannot be sent: {type(error).__name__}") from None
        with answer:
            return self._judge(answer, host, deadline)

    def _judge(self, answer: requests.Response, host: str, deadline: float) -> tuple[str, bytes]:
        told = f"{host} answered {answer.status_code}"
        if answer.status_code in self._transient:
            raise RetryError(told, after=retry_after(answer.headers.get("Retry-After")))
        if answer.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            raise TooLargeError(told)
        if not 200 <= answer.status_code < 300:
            raise ExportError(told)
        body = bytearray()
        try:
            for chunk in answer.iter_content(65536):
                body += chunk
                if monotonic() > deadline or len(body) > _LONGEST_ANSWER:
                    raise UnknownOutcomeError(f"{told}, and does not come to an end")
        except (RequestException, OSError):
            raise UnknownOutcomeError(f"{told}, and hung up in the middle of it") from None
        return answer.headers.get("Content-Type", ""), bytes(body)


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request

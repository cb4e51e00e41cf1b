"""The example shops, run as their READMEs say, under real servers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.servers import ROOT, Server, gunicorn, read_events, read_requests, uvicorn, wait_for_events

# Servers on a busy machine.
pytestmark = pytest.mark.timeout(600)

EXAMPLES = ROOT / "examples"


def django_shop(directory: Path, env: dict[str, str]) -> AbstractContextManager[Server]:
    """Serve the Django shop."""
    return gunicorn("shop:application", directory, workers=2, env=env, cwd=EXAMPLES / "django_shop")


def flask_shop(directory: Path, env: dict[str, str]) -> AbstractContextManager[Server]:
    """Serve the Flask shop."""
    return gunicorn("shop:app", directory, workers=2, threads=4, env=env, cwd=EXAMPLES / "flask_shop")


def fastapi_shop(directory: Path, env: dict[str, str]) -> AbstractContextManager[Server]:
    """Serve the FastAPI shop."""
    return uvicorn("shop:app", directory, env=env, cwd=EXAMPLES / "fastapi_shop")


def test_the_tests_of_the_django_shop() -> None:
    """The test that the documentation shows passes, with pytest-django and the fixture as they are installed."""
    options = ["-q", "-c", os.devnull, "--rootdir", ".", "-p", "no:cacheprovider", "--ds=settings"]
    command = [sys.executable, "-m", "pytest", *options, "test_shop.py"]
    env = os.environ | {"HOGTRACE_EXPORTER": "memory"}
    done = subprocess.run(command, cwd=EXAMPLES / "django_shop", env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


@pytest.mark.parametrize("shop", [django_shop, flask_shop, fastapi_shop])
def test_a_shop_is_watched(
    shop: Callable[[Path, dict[str, str]], AbstractContextManager[Server]], tmp_path: Path
) -> None:
    """Customers buy at the same time; each event has the right customer, and no event a whole card."""
    path = tmp_path / "events.jsonl"
    exporter = {"BACKEND": "hogtrace.exporters.JSONLinesExporter", "OPTIONS": {"path": str(path)}}
    customers = [f"customer-{number}" for number in range(12)]

    def complete(events: list[dict[str, Any]]) -> bool:
        ended = [record for record in read_requests(path) if record["request"]["path"] == "/order"]
        return len(ended) == len(customers) and any("sent_in" in event["values"] for event in events)

    env = {"HOGTRACE_EXPORTER": json.dumps(exporter), "HOGTRACE_BATCH_DELAY": "0.05"}
    with shop(tmp_path, env) as server:

        def buy(number: int) -> int:
            # Every third one's bank refuses; the amount tells the customers apart.
            card = f"400012341234123{0 if number % 3 == 0 else 4}"
            wish = {"item": "truffle", "count": str(number + 1), "card": card}
            with server.client() as http:
                return http.get("/order", params=wish, headers={"X-Customer": customers[number]}).status_code

        with ThreadPoolExecutor(4) as pool:
            statuses = list(pool.map(buy, range(len(customers))))
        with server.client() as http:
            assert http.get("/catalogue", headers={"X-Customer": "looker"}).text == "acorn 120\ntruffle 9900\n"
        wait_for_events(path, complete)
        server.stop()

    assert statuses == [402 if number % 3 == 0 else 201 for number in range(len(customers))]
    assert "400012341234" not in path.read_text()
    seen: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for event in read_events(path):
        assert event["errors"] == []
        values = event["values"]
        seen[values.get("customer", "nobody")].update(values)
    for number, customer in enumerate(customers):
        values = seen[customer]
        assert values["amount"] == 9_900 * (number + 1)
        assert values["card"] == ("1230" if number % 3 == 0 else "1234")
        assert values["status"] == statuses[number]
        assert ("refused" in values) == (number % 3 == 0)
    assert seen["nobody"]["sent_in"] > 0

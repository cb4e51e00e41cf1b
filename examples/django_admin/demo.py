"""The demo: Django's admin under gunicorn with two workers, and HogTrace showing what runs inside it.

    python examples/django_admin/demo.py

It makes a database and two users, starts the server on a free port of the loopback interface, plays a client, stops
the server, and prints what the probes of `probes.hogtrace` captured. What it writes is in `var/` beside this file.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx

HERE = Path(__file__).resolve().parent
VAR = HERE / "var"
STORE = VAR / "hogtrace.sqlite"
DEADLINE = 60.0


def say(text: str) -> None:
    """Report progress."""
    print(f"· {text}", flush=True)


def free_port() -> int:
    """Give a port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment() -> dict[str, str]:
    """Give what the server and Django's commands need to know."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "settings",
        "PYTHONPATH": str(HERE),
        "DEMO_VAR": str(VAR),
        "DEMO_SECRET_KEY": secrets.token_urlsafe(40),
    }


def make_database(passwords: dict[str, str]) -> None:
    """Migrate an empty database and make a superuser and a clerk who may only look at users."""
    script = """
import os
import django
django.setup()
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
call_command("migrate", verbosity=0)
User.objects.create_superuser("ada", password=os.environ["DEMO_ADA"])
clerk = User.objects.create_user("sam", password=os.environ["DEMO_SAM"], is_staff=True)
clerk.user_permissions.add(Permission.objects.get(codename="view_user"))
"""
    # The probes are for the server; what builds the database need not be watched.
    env = {**environment(), "HOGTRACE_DISABLED": "1"}
    env.update({f"DEMO_{name.upper()}": password for name, password in passwords.items()})
    subprocess.run([sys.executable, "-c", script], env=env, cwd=HERE, check=True)


@contextmanager
def server(port: int) -> Iterator[None]:
    """Run gunicorn until the block ends, and see it end."""
    command = [sys.executable, "-m", "gunicorn", "--config", str(HERE / "gunicorn.conf.py")]
    command += ["--bind", f"127.0.0.1:{port}", "django.core.wsgi:get_wsgi_application()"]
    process = subprocess.Popen(command, env=environment(), cwd=HERE, start_new_session=True)
    try:
        yield
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class Browser:
    """A client of the admin site that keeps its cookies, as a person's browser does."""

    def __init__(self, base: str) -> None:
        # No proxy and no environment: the server is on this machine.
        self._http = httpx.Client(base_url=base, follow_redirects=True, trust_env=False, timeout=20)

    def get(self, path: str, label: str) -> httpx.Response:
        """Fetch a page."""
        response = self._http.get(path, headers={"X-Request-ID": label})
        say(f"{label:18} GET  {path:28} {response.status_code}")
        return response

    def post(self, path: str, label: str, **fields: str) -> httpx.Response:
        """Fetch a form, fill it in, and send it."""
        if "csrftoken" not in self._http.cookies:
            self._http.get(path, headers={"X-Request-ID": f"{label}-form"})
        fields["csrfmiddlewaretoken"] = self._http.cookies["csrftoken"]
        response = self._http.post(path, data=fields, headers={"X-Request-ID": label}, follow_redirects=False)
        say(f"{label:18} POST {path:28} {response.status_code}")
        return response

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()


def wait_for(base: str) -> None:
    """Wait until the server answers."""
    deadline = time.monotonic() + DEADLINE
    while True:
        try:
            httpx.get(f"{base}/admin/login/", headers={"X-Request-ID": "warm-up"}, trust_env=False)
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def play(base: str, passwords: dict[str, str]) -> None:
    """Do what a person does in the admin: fail a log-in, log in, add a user, list users, and be refused."""
    login = "/admin/login/?next=/admin/"
    ada = Browser(base)
    ada.post(login, "ada-mistypes", username="ada", password="correct horse battery")  # noqa: S106 - it is wrong
    ada.post(login, "ada-logs-in", username="ada", password=passwords["ada"])
    password = secrets.token_urlsafe(16)
    ada.post(
        "/admin/auth/user/add/",
        "ada-adds-grace",
        username="grace",
        usable_password="true",  # noqa: S106 - a choice of the form
        password1=password,
        password2=password,
    )
    ada.get("/admin/auth/user/", "ada-lists-users")
    ada.close()
    sam = Browser(base)
    sam.post(login, "sam-logs-in", username="sam", password=passwords["sam"])
    sam.get("/admin/auth/user/add/", "sam-is-refused")
    sam.close()


def account() -> None:
    """Print what was captured, per request, and what became of it."""
    show = [sys.executable, "-m", "hogtrace", "show", str(STORE)]
    subprocess.run(show, check=True)
    workers = [json.loads(path.read_text()) for path in sorted(VAR.glob("worker-*.json"))]
    fired: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    for worker in workers:
        dropped.update(worker["dropped"])
        for probe in worker["probes"]:
            fired[probe["probe"]] += probe["fired"]
            errors[probe["probe"]] += probe["errors"]
    print(f"\nWhat the {len(workers)} workers say:")
    for probe, count in fired.items():
        failed = f", {errors[probe]} errors" if errors[probe] else ""
        print(f"  {count:5} fired  {probe}{failed}")
    captured = sum(worker["captured"] for worker in workers)
    exported = sum(worker["exported"] for worker in workers)
    drops = ", ".join(f"{count} {cause}" for cause, count in dropped.items()) or "none dropped"
    print(f"  {captured} events captured, {exported} exported, {drops}")


def main() -> None:
    """Run the demo."""
    shutil.rmtree(VAR, ignore_errors=True)
    VAR.mkdir()
    passwords = {"ada": secrets.token_urlsafe(16), "sam": secrets.token_urlsafe(16)}
    say("making a database for Django's admin, with a superuser (ada) and a clerk (sam)")
    make_database(passwords)
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    say(f"starting gunicorn with two workers at {base}, with the probes of {relative(HERE / 'probes.hogtrace')}")
    with server(port):
        wait_for(base)
        play(base, passwords)
        say("stopping the server")
    print("\nWhat ran inside Django, request by request:\n", flush=True)
    account()
    query = "SELECT request_id, count(*) FROM captures WHERE field = 'sql' GROUP BY request_id ORDER BY 2 DESC"
    print(f"\nThe events are in {relative(STORE)}. Ask it how many SQL statements each request ran:\n")
    print(f'  sqlite3 {relative(STORE)} "{query}"\n')
    with closing(sqlite3.connect(STORE)) as store:
        for request, count in store.execute(query):
            print(f"  {request}|{count}")


def relative(path: Path) -> str:
    """Give a path as one would type it here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


if __name__ == "__main__":
    main()

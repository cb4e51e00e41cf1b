"""A project's release as its authors packed it, with an environment that can run its tests."""

import json
import os
import subprocess
import sys
import tarfile
import venv
from dataclasses import dataclass
from pathlib import Path

from tests.suites.catalogue import Project

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".suites"
"""Where downloads and environments are kept."""


class NotToBeHad(Exception):
    """A project, or what its tests need, could not be downloaded or installed."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a project's tests run: `home` holds its source, its Python, and the files about its runs."""

    project: Project
    home: Path

    @classmethod
    def prepare(cls, project: Project) -> "Environment":
        """Download, unpack and install what is not there yet. Raises `NotToBeHad`."""
        release = f"{project.name}-{project.version}"
        environment = cls(project, CACHE / f"{release}-{sys.implementation.cache_tag}")
        wanted = json.dumps([*environment._requirements, str(ROOT)])
        ready = environment.home / "ready"
        if not (ready.exists() and ready.read_text() == wanted):
            print(f"· getting {project} and what its tests need", file=sys.stderr, flush=True)
            environment.home.mkdir(parents=True, exist_ok=True)
            # Else pytest would look for a project's settings further up, and find this project's.
            (environment.home / "pytest.ini").write_text("[pytest]\n")
            environment._unpack(CACHE / "downloads" / release)
            environment._install()
            ready.write_text(wanted)
        return environment

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.home / "venv" / "bin" / "python"

    @property
    def source(self) -> Path:
        """The unpacked release."""
        return self.home / "source"

    def variables(self) -> dict[str, str]:
        """Give the environment variables of a run: this process's, less what is about Python or HogTrace."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "HOGTRACE", "PYTEST"))
        }
        path = f"{self.python.parent}{os.pathsep}{os.environ.get('PATH', '')}"
        return {**kept, "PATH": path, "VIRTUAL_ENV": str(self.home / "venv"), "PYTHONHASHSEED": "1", "TERM": "dumb"}

    @property
    def _requirements(self) -> list[str]:
        return [f"{self.project.name}=={self.project.version}", *self.project.requires]

    def _unpack(self, downloads: Path) -> None:
        if self.source.exists():
            return
        if not any(downloads.glob("*.tar.gz")):
            release = f"{self.project.name}=={self.project.version}"
            _pip("download", "--no-deps", f"--no-binary={self.project.name}", f"--dest={downloads}", release)
        (archive,) = downloads.glob("*.tar.gz")
        with tarfile.open(archive) as tar:
            (top,) = {name.partition("/")[0] for name in tar.getnames()}
            tar.extractall(self.home, filter="data")
        (self.home / top).rename(self.source)

    def _install(self) -> None:
        venv.create(self.home / "venv", clear=True, symlinks=True)
        _pip(f"--python={self.python}", "install", *self._requirements)
        self.admit()

    def admit(self, *more: Path) -> None:
        """Let the environment find the engine that is built already, what runs inside, and what is in folders `more`.

        Nothing else of this project is to be found there.
        """
        links = CACHE / "packages"
        links.mkdir(parents=True, exist_ok=True)
        for name, folder in (("hogtrace", "hogtrace"), ("hogtrace_suites", "tests/suites/inside")):
            link = links / name
            if link.is_symlink() and link.readlink() != ROOT / folder:
                link.unlink()
            if not link.is_symlink():
                link.symlink_to(ROOT / folder, target_is_directory=True)
        (packages,) = (self.home / "venv" / "lib").glob("python*/site-packages")
        (packages / "hogtrace-suites.pth").write_text("".join(f"{folder}\n" for folder in (links, *more)))


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise NotToBeHad(f"pip {' '.join(arguments)}\n{done.stdout.strip()}")

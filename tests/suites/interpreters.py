"""The CPython interpreters of this machine, and those that Debian has, in folders of their own."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

RELEASES = {"3.13": "trixie", "3.14": "testing"}
"""Which release of Debian has which version."""

_ASK = """
import json, struct, sys, sysconfig
print(json.dumps({
    "name": sys.implementation.name,
    "path": sys.executable,
    "version": list(sys.version_info[:3]),
    "suffix": sysconfig.get_config_var("EXT_SUFFIX"),
    "pointer_width": struct.calcsize("P") * 8,
    "usual": not (hasattr(sys, "gettotalrefcount") or sysconfig.get_config_var("Py_GIL_DISABLED")),
    "base": sys.prefix == sys.base_prefix,
}))
"""

# The mounts belong to a mount namespace of their own, and are gone with the last process in it.
_ENTER = """
set -e
mount -t proc proc "$0/proc"
mount --rbind /dev "$0/dev"
mount --rbind /sys "$0/sys"
exec chroot "$0" "$@"
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """One interpreter; `root` is the folder with a Debian system that it lives in, `/` for this machine's own.

    `path` is seen from there.
    """

    path: Path
    root: Path
    version: tuple[int, int, int]
    suffix: str
    pointer_width: int

    @property
    def minor(self) -> str:
        """The version's first two parts."""
        return "{}.{}".format(*self.version)

    @property
    def is_own(self) -> bool:
        """Whether it is this machine's own, not one in a folder."""
        return self.root == Path("/")

    def __str__(self) -> str:
        return "CPython " + ".".join(map(str, self.version)) + ("" if self.is_own else f" (Debian, {self.root.name})")

    def within(self, path: Path) -> Path:
        """Give a path as this interpreter sees it."""
        return Path("/") / path.relative_to(self.root)

    def command(self, arguments: Sequence[str | Path]) -> list[str]:
        """Give the command that runs `arguments` where the interpreter lives."""
        return _inside(self.root, arguments)


def find(folders: Path) -> dict[str, Interpreter]:
    """Give the newest interpreter of each version: on PATH, pyenv's, and those in the folders below `folders`.

    One of this machine's own goes before one in a folder. Debug and free-threaded builds are left out.
    """
    found: dict[str, Interpreter] = {}
    for root, path in _candidates(folders):
        interpreter = _ask(root, path)
        if interpreter is not None:
            known = found.get(interpreter.minor)
            if known is None or (interpreter.is_own, interpreter.version) > (known.is_own, known.version):
                found[interpreter.minor] = interpreter
    return found


def fetch(minor: str, folders: Path) -> str | None:
    """Make a folder with Debian's interpreter of a version; give None, or why that cannot be done."""
    release = RELEASES.get(minor)
    if release is None:
        return f"no release of Debian that is known here has Python {minor}"
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        return "debootstrap is needed, and to be root"
    root = folders / release
    packages = f"python{minor},python{minor}-venv,python{minor}-dev,libpython{minor}-testsuite,ca-certificates,procps"
    folders.mkdir(parents=True, exist_ok=True)
    log = root.with_suffix(".log")
    shutil.rmtree(root, ignore_errors=True)
    with log.open("wb") as output:
        done = subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={packages}", release, root, *_mirror()],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
        )
    if done.returncode:
        return f"debootstrap failed; its log: {log}"
    for setting in _NETWORK:
        if setting.is_file():
            target = root / setting.relative_to("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(setting, target)
    return None


def environment(interpreter: Interpreter) -> Mapping[str, str]:
    """Give the environment variables for a process of `interpreter`: this one's, less what is about Python."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "HOGTRACE", "PYTEST"))}
    kept.pop("VIRTUAL_ENV", None)
    if interpreter.is_own:
        return kept
    # The path to downloads of this machine means nothing there, and its tools are not there.
    kept.pop("PIP_FIND_LINKS", None)
    return {**kept, "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}


_NETWORK = tuple(
    Path(path)
    for path in (
        "/etc/resolv.conf",
        "/etc/hosts",
        "/etc/pip.conf",
        os.environ.get("PIP_CERT"),
        os.environ.get("SSL_CERT_FILE"),
    )
    if path
)
"""What this machine reaches a package registry with."""


def _candidates(folders: Path) -> Iterator[tuple[Path, Path]]:
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    own = [*map(Path, os.environ.get("PATH", "").split(os.pathsep)), *pyenv.glob("versions/*/bin")]
    for folder in own:
        for path in folder.glob("python3.[0-9][0-9]"):
            yield Path("/"), path
    for folder in folders.glob("*/usr/bin"):
        for path in folder.glob("python3.[0-9][0-9]"):
            root = folder.parents[1]
            yield root, Path("/") / path.relative_to(root)


def _ask(root: Path, path: Path) -> Interpreter | None:
    """Have an interpreter say what it is; None for one that does not run here or is not meant."""
    try:
        answer = subprocess.run(
            _inside(root, [path, "-I", "-c", _ASK]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=tempfile.gettempdir(),
            timeout=60,
            check=True,
        )
        facts = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    if facts["name"] != "cpython" or not facts["usual"] or not facts["base"]:
        return None
    major, minor, micro = facts["version"]
    # PATH may have led to something that only starts it.
    return Interpreter(Path(facts["path"]), root, (major, minor, micro), facts["suffix"], facts["pointer_width"])


def _inside(root: Path, arguments: Sequence[str | Path]) -> list[str]:
    words = list(map(str, arguments))
    return words if root == Path("/") else ["unshare", "--mount", "sh", "-c", _ENTER, str(root), *words]


def _mirror() -> list[str]:
    """Give the mirror that this machine uses, if it can say so; else it is debootstrap's own."""
    if shutil.which("apt-get") is None:
        return []
    asked = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE)", "Origin: Debian", "Label: Debian"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    return asked.stdout.splitlines()[:1]

"""A server on this machine that speaks S3's protocol, and a way there that can be cut."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

from tests.running import PATIENCE, ROOT, Ended

KEYS = {"AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": "aVerySecretWord", "AWS_DEFAULT_REGION": "us-east-1"}
_HEADERS = {
    "Content-Type": "application/octet-stream",
    "Authorization": "AWS4-HMAC-SHA256 Credential=us/20260101/us-east-1/s3/aws4_request",  # which nobody checks
}


@dataclass(frozen=True)
class Server:
    """The server at `port`."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, data: bytes | None = None) -> bytes:
        request = urllib.request.Request(f"{self.url}/{path}", data, _HEADERS, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return bytes(answer.read())

    def put(self, key: str, data: bytes) -> None:
        self.ask("PUT", quote(key), data)

    def put_tree(self, folder: Path, key: str) -> None:
        for path in folder.rglob("*"):
            if path.is_file():
                self.put(f"{key}/{path.relative_to(folder).as_posix()}", path.read_bytes())

    def get(self, key: str) -> bytes:
        return self.ask("GET", quote(key))

    def keys(self, key: str) -> list[str]:
        """The names of what lies below `key`."""
        bucket, _, prefix = f"{key}/".partition("/")
        found: list[str] = []
        after = ""
        while True:
            page = ElementTree.fromstring(
                self.ask("GET", f"{bucket}?list-type=2&prefix={quote(prefix)}&start-after={quote(after)}")
            )
            names = [element.text or "" for element in page.iterfind("{*}Contents/{*}Key")]
            found += [name.removeprefix(prefix) for name in names]
            if page.findtext("{*}IsTruncated") != "true":
                return found
            after = names[-1]

    def tree(self, key: str) -> dict[str, str]:
        """What an output is made of, without its journal."""
        names = [name for name in self.keys(key) if not name.startswith(".bboxprep/")]
        return {name: sha256(self.get(f"{key}/{name}")).hexdigest() for name in names}


@contextmanager
def serving(**surroundings: str) -> Iterator[Server]:
    """A server that has one bucket, `data`, and ends with the ``with``."""
    port = _free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(
        command, env={**os.environ, **surroundings}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        server, deadline = Server(port), time.monotonic() + PATIENCE
        while True:
            try:
                server.ask("PUT", "data", b"")
                break
            except (urllib.error.URLError, ConnectionError):
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield server
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def surroundings(url: str, keys: Mapping[str, str] = KEYS) -> dict[str, str]:
    """What a process is told that asks the server at `url` with these `keys`."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    quick = {"AWS_MAX_ATTEMPTS": "1", "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull}
    return {**own, "PYTHONPATH": str(ROOT), "AWS_ENDPOINT_URL": url, **quick, **keys}


def started(url: str, *arguments: object, keys: Mapping[str, str] = KEYS) -> subprocess.Popen[str]:
    """``bboxprep`` on its way."""
    return subprocess.Popen(
        [sys.executable, "-m", "bboxprep", *map(str, arguments)], env=surroundings(url, keys), cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def ended(process: subprocess.Popen[str]) -> Ended:
    """How it ends."""
    _, said = process.communicate(timeout=PATIENCE)
    return Ended(process.returncode, said)


def run(url: str, *arguments: object, keys: Mapping[str, str] = KEYS) -> Ended:
    """``bboxprep``, to its end."""
    return ended(started(url, *arguments, keys=keys))


def kill(process: subprocess.Popen[str]) -> None:
    """Kill it and all that it has started, at once."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


@dataclass
class Way:
    """A way to `server` by another port, which counts the bytes that have `gone` there and `come` from there. Once
    `cut_after` have gone, it is cut in the midst of them, and nobody is let through any more.
    """

    server: Server
    cut_after: int
    gone: int = 0
    come: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_cut(self) -> bool:
        return self.gone >= self.cut_after

    @contextmanager
    def open(self) -> Iterator[str]:
        """The address to ask."""
        with socket.create_server(("127.0.0.1", 0)) as gate:
            threading.Thread(target=self._let_in, args=(gate,), daemon=True).start()
            yield f"http://127.0.0.1:{gate.getsockname()[1]}"

    def _let_in(self, gate: socket.socket) -> None:
        while True:
            try:
                there, _ = gate.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(there,), daemon=True).start()

    def _serve(self, there: socket.socket) -> None:
        with there, socket.create_connection(("127.0.0.1", self.server.port)) as here:
            back = threading.Thread(target=self._carry, args=(here, there, self._back), daemon=True)
            back.start()
            self._carry(there, here, self._left)
            back.join()

    def _left(self, count: int) -> int:
        """How many of so many bytes may go."""
        with self._lock:
            left = min(count, max(0, self.cut_after - self.gone))
            self.gone += count
            return left

    def _back(self, count: int) -> int:
        """All of so many bytes, which come from there."""
        with self._lock:
            self.come += count
        return count

    def _carry(self, one: socket.socket, other: socket.socket, allowed: Callable[[int], int]) -> None:
        with suppress(OSError):
            while data := one.recv(1 << 14):
                left = allowed(len(data))
                other.sendall(data[:left])
                if left < len(data):
                    break
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

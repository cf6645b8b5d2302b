"""Faults of a storage at each request of a run from bucket to bucket: ``python -m tests.sweep.buckets``.

Each request fails in turn: it is answered by an error of the server, by a call to slow down, or not at all, before it
was done or after, once or from then on; and each listing is answered by an earlier one. After that the exit code and
the words are true, the source is as it was, and the same command, or ``--resume``, gives the undisturbed bytes. The
exit code is 1 where a fault is not survived.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Literal, get_args

from tests.io.buckets import KEYS, Server, serving
from tests.sweep.traced import UNCAUGHT, Ended, load, run
from tests.tiny import tiny

Fault = Literal["error", "errors", "slow down", "slow downs", "cut before", "cut after", "stale"]
FAULTS: tuple[Fault, ...] = get_args(Fault)
_ANSWERS = {"error": (500, "InternalError"), "slow down": (503, "SlowDown")}
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"})
IMAGES = 3
STEPS = ("--letterbox", 32, "--workers", 1, "--labels-in", "displayed")


@dataclass
class Gate:
    """A way to `server` that counts requests, and strikes the one of the number `strike` with `fault`."""

    server: Server
    fault: Fault | None = None
    strike: int = 0
    seen: list[str] = field(default_factory=list)
    _listings: dict[str, bytes] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def begin(self, fault: Fault | None = None, strike: int = 0) -> None:
        """Count anew, and strike as told."""
        self.fault, self.strike, self.seen = fault, strike, []
        self._listings.clear()

    def turn(self, method: str, path: str) -> Fault | None:
        """The fault of the next request."""
        with self._lock:
            self.seen.append(f"{method} {path}")
            number = len(self.seen)
        lasting = self.fault in ("errors", "slow downs")
        return self.fault if number == self.strike or (lasting and number > self.strike) else None

    def listing(self, path: str, answer: bytes, stale: bool) -> bytes:
        """The `answer` to a listing; if it is to be `stale`, the first one that was given there."""
        with self._lock:
            first = self._listings.setdefault(path, answer)
        return first if stale else answer

    @contextmanager
    def open(self) -> Iterator[str]:
        """The address to ask."""
        own = self

        class Handler(_Handler):
            gate = own

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as here:
            here.daemon_threads = True
            Thread(target=here.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{here.server_address[1]}"
            here.shutdown()


class _Handler(BaseHTTPRequestHandler):
    gate: Gate
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def handle_one_request(self) -> None:
        """Answer a request of any method."""
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        data = self._body()
        fault = self.gate.turn(self.command, self.path)
        if fault == "cut before":
            self._cut()
        elif name := next((name for name in _ANSWERS if fault in (name, f"{name}s")), None):
            code, word = _ANSWERS[name]
            self._answer(code, [], f"<Error><Code>{word}</Code><Message>{word}</Message></Error>".encode())
        else:
            self._pass_on(data, fault)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _pass_on(self, data: bytes, fault: Fault | None) -> None:
        there = HTTPConnection("127.0.0.1", self.gate.server.port, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in (*_HOP, "expect")}
        try:
            there.request(self.command, self.path, data or None, headers)
            answer = there.getresponse()
            body = answer.read()
        except (HTTPException, OSError):
            self._cut()
            return
        finally:
            there.close()
        if fault == "cut after":
            self._cut()
            return
        if self.command == "GET" and re.search(r"[?&](list-type|prefix)=", self.path):
            body = self.gate.listing(self.path, body, fault == "stale")
        self._answer(answer.status, answer.getheaders(), body)

    def _answer(self, code: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(code)
        length = str(len(body))
        for name, value in headers:
            if name.lower() == "content-length" and self.command == "HEAD":
                length = value
            elif name.lower() not in _HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _cut(self) -> None:
        self.close_connection = True


@dataclass(frozen=True)
class Scene:
    """A run from ``source`` to ``out`` in the bucket, as the format `to`; `whole` is what an undisturbed one gives."""

    gate: Gate
    folder: Path
    to: str
    whole: dict[str, str]
    source: dict[str, str]

    @property
    def words(self) -> tuple[object, ...]:
        """The words of the command."""
        return ("convert", "s3://data/source", "s3://data/out", "--to", self.to, *STEPS)

    def broken(self, fault: Fault, strike: int) -> str:
        """What does not hold after a `fault` at the request number `strike`; "" where all does."""
        clear(self.gate.server)
        self.gate.begin(fault, strike)
        ended = run(self.words, self.folder)
        struck = self.gate.seen[strike - 1 : strike]
        self.gate.begin()
        found = self._wrong(ended) or self._not_mended()
        words = " | ".join(ended.said.strip().splitlines()[-3:])
        return f"{fault} at {strike} {struck}: {found} (exit {ended.code}: {words})" if found else ""

    def _wrong(self, ended: Ended) -> str:
        now = self.gate.server.tree("data/out")
        if ended.code == UNCAUGHT or "Traceback" in ended.said:
            return "a traceback"
        if self.gate.server.tree("data/source") != self.source:
            return "the source was changed"
        if ended.code == 0 and now != self.whole:
            return "exit 0, but the output is not that of a run that nothing disturbed"
        if ended.code == 1 and now != self.whole and "fault" not in ended.out:
            return "exit 1, but no fault is listed"
        if ended.code not in (0, 1, 2):
            return f"exit {ended.code}"
        return "no line names what failed" if ended.code == 2 and not ended.said.startswith("bboxprep: ") else ""

    def _not_mended(self) -> str:
        ended = None
        for more in ((), ("--resume",)):
            if self.gate.server.tree("data/out") == self.whole:
                return ""
            ended = run((*self.words, *more), self.folder)
        if self.gate.server.tree("data/out") == self.whole:
            return ""
        return (
            f"neither the same command nor --resume gives the undisturbed bytes ({ended.said.strip() if ended else ''})"
        )


def clear(server: Server) -> None:
    """Remove the output."""
    for key in server.keys("data/out"):
        server.ask("DELETE", f"data/out/{key}")


@contextmanager
def scene(to: str) -> Iterator[Scene]:
    """The scene of a run to the format `to`."""
    folder = Path(tempfile.mkdtemp(prefix="buckets-"))
    with serving() as server, (gate := Gate(server)).open() as url:
        os.environ |= {**KEYS, "AWS_ENDPOINT_URL": url, "AWS_MAX_ATTEMPTS": "1", "AWS_EC2_METADATA_DISABLED": "true"}
        photos = tiny(folder / "photos", range(IMAGES))
        server.put_tree(photos, "data/source")
        load(("convert", "photos", "here", "--to", to, *STEPS), folder)  # imports what every run needs
        bare = Scene(gate, folder, to, {}, server.tree("data/source"))
        gate.begin()
        ended = run(bare.words, folder)
        assert ended.code == 0, ended
        yield Scene(gate, folder, to, server.tree("data/out"), bare.source)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--formats", nargs="*", default=["yolo", "coco"])
    parser.add_argument("--faults", nargs="*", default=list(FAULTS))
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    done = wrong = 0
    for to in given.formats:
        with scene(to) as made:
            points = [(fault, number) for number in range(1, len(made.gate.seen) + 1) for fault in given.faults]
            step = max(1, round(1 / given.share))
            for fault, number in points[given.seed % step :: step]:
                done += 1
                if words := made.broken(fault, number):
                    wrong += 1
                    sys.stdout.write(f"{to}, {words}\n")
        sys.stdout.write(f"{to}: {done:,} faults so far\n")
        sys.stdout.flush()
    sys.stdout.write(f"{done:,} faults, {wrong:,} not survived\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

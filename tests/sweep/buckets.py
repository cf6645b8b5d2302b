"""Faults of a storage at each request of a run from bucket to bucket: ``python -m tests.sweep.buckets``.

Each request fails in turn: it is answered by an error of the server, by a call to slow down, or not at all, before it
was done or after, once or from then on; and each listing that has changed is answered by an earlier one. After that
the exit code and the words are true, the source is as it was, and the same command, or ``--resume``, gives the
undisturbed bytes. The exit code is 1 where a fault is not survived.

``--points 100`` takes so many points of each format: the stale listings, and others drawn by ``--seed``. A run is
forked from a process that has imported what it needs, and its waits before it asks again are cut short: a fault takes
two seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from random import Random
from threading import Lock, Thread
from typing import Literal, get_args
from unittest.mock import patch

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
    changed: set[int] = field(default_factory=set)  # the numbers of listings that differ from the first of their kind
    _listings: dict[str, bytes] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def begin(self, fault: Fault | None = None, strike: int = 0) -> None:
        """Count anew, and strike as told."""
        self.fault, self.strike, self.seen, self.changed = fault, strike, [], set()
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
            if _names(first) != _names(answer):
                self.changed.add(len(self.seen))
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


def _names(listing: bytes) -> list[bytes]:
    return re.findall(rb"<(?:Key|Prefix)>([^<]*)<", listing)


class _Handler(BaseHTTPRequestHandler):
    gate: Gate
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer with a body waits 40 ms

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
    requests: int = 0  # of an undisturbed run
    changed: frozenset[int] = frozenset()  # the numbers of those for listings that have changed in it

    def points(self) -> list[tuple[Fault, int]]:
        """Each fault at each request; a stale listing only where an earlier one was another."""
        numbers = range(1, self.requests + 1)
        return [(fault, number) for number in numbers for fault in FAULTS if fault != "stale" or number in self.changed]

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
    own = {**KEYS, "AWS_MAX_ATTEMPTS": "1", "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull}
    with serving() as server, (gate := Gate(server)).open() as url, patch.object(asyncio, "sleep", _no_wait):
        os.environ |= {**own, "AWS_ENDPOINT_URL": url}
        photos = tiny(folder / "photos", range(IMAGES))
        server.put_tree(photos, "data/source")
        _import(to, folder)
        bare = Scene(gate, folder, to, {}, server.tree("data/source"))
        gate.begin()
        ended = run(bare.words, folder)
        assert ended.code == 0, ended
        requests, changed = len(gate.seen), frozenset(gate.changed)
        yield Scene(gate, folder, to, server.tree("data/out"), bare.source, requests, changed)


_sleep = asyncio.sleep


async def _no_wait(_: float) -> None:
    """Let others run, and go on: how long s3fs waits before it asks again changes nothing here."""
    await _sleep(0)


def _import(to: str, folder: Path) -> None:
    """Import what every run needs, and open no connection, which a forked run could not use."""
    load(("convert", "photos", "here", "--to", to, *STEPS), folder)
    import_module("s3fs")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--formats", nargs="*", default=["yolo", "coco", "webdataset"])
    parser.add_argument("--faults", nargs="*", default=list(FAULTS))
    parser.add_argument("--points", type=int, help="so many of each format; all without it")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    begun, done, wrong = time.monotonic(), Counter[str](), 0
    for to in given.formats:
        with scene(to) as made:
            points = [point for point in made.points() if point[0] in given.faults]
            chosen = _drawn(points, given.points, given.seed)
            for fault, number in chosen:
                done[fault] += 1
                if words := made.broken(fault, number):
                    wrong += 1
                    _say(f"{to}, {words}")
        _say(f"{to}: {len(chosen):,} of {len(points):,} faults at {made.requests} requests tried")
    _say(", ".join(f"{fault} {count}" for fault, count in done.items()))
    _say(f"{done.total():,} faults, {wrong:,} not survived, {time.monotonic() - begun:.0f} s")
    return 1 if wrong else 0


def _drawn(points: list[tuple[Fault, int]], count: int | None, seed: int) -> list[tuple[Fault, int]]:
    """So many of the `points`, all without `count`: the few stale listings first."""
    if count is None:
        return points
    stale, others = ([point for point in points if (point[0] == "stale") == kind] for kind in (True, False))
    return (stale + Random(seed).sample(others, min(max(0, count - len(stale)), len(others))))[:count]


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

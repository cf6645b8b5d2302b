"""The command line in a process of its own that is watched: what it opens, writes, and how much memory it takes.

``python -m tests.hostile.child INSIDE WRITABLE MEGABYTES ARGUMENT... [THEN ARGUMENT...]``: reading is allowed below
INSIDE and WRITABLE (several folders, separated as in PATH), writing below WRITABLE; whatever else is touched is a line
on standard error that begins with STRAYED. The last line tells the peak of memory and the exit code of each command.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

STRAYED, THEN, ENDED = "STRAYED", "THEN", "ENDED"
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_READS = {"os.listdir": (0,), "os.scandir": (0,)}
_WRITES = {
    "os.remove": (0,),
    "os.mkdir": (0,),
    "os.rmdir": (0,),
    "os.chmod": (0,),
    "os.truncate": (0,),
    "os.utime": (0,),
    "os.rename": (0, 1),
    "os.link": (1,),
    "os.symlink": (1,),
    "shutil.rmtree": (0,),
}
_STARTS = ("subprocess.Popen", "os.posix_spawn")  # the second, too, from Python 3.13 on
_NEVER = (*_STARTS, "os.system", "os.exec", "socket.connect", "socket.bind")


class Watch:
    """An audit hook. Of files it does not know, Python's own are read and nothing is written."""

    def __init__(self, inside: list[Path], writable: list[Path]) -> None:
        self.inside, self.writable = [*inside, *writable], writable
        self.strayed: list[str] = []
        self._own = tuple(
            {os.path.realpath(place) for place in (sys.prefix, sys.base_prefix, *sys.path) if place}
            | {os.path.realpath(Path(__file__).parents[2] / name) for name in ("bboxprep", "tests")}
            | {"/dev/null", "/dev/urandom", "/proc", "/sys", "/usr", "/lib"}
        )

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            writing = bool(isinstance(flags, int) and flags & _WRITING) or bool(set(str(mode or "")) & set("wax+"))
            self._check(event, path, writing=writing)
        elif event in _STARTS and Path(str(arguments[0])).name == "jpegtran":
            self._check(event, arguments[0], writing=False)  # a program of this machine, never one of the source
        elif event in _NEVER:
            self.strayed.append(event)
        for number in _READS.get(event, ()):
            self._check(event, arguments[number], writing=False)
        for number in _WRITES.get(event, ()):
            self._check(event, arguments[number], writing=True)

    def _check(self, event: str, path: object, *, writing: bool) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return  # a file that is open already
        place = Path(os.path.realpath(os.fsdecode(path)))
        if writing and str(place) == os.devnull:
            return
        allowed = self.writable if writing else self.inside
        if any(place.is_relative_to(folder) for folder in allowed):
            return
        if writing or not any(place.is_relative_to(own) for own in self._own):
            self.strayed.append(f"{event} {'to write' if writing else 'to read'} {place}")


def main() -> None:
    inside, writable, megabytes, *arguments = sys.argv[1:]
    _limit(int(megabytes) << 20)
    import bboxprep.cli  # before the watch begins, for imports are many

    watch = Watch(*([Path(os.path.realpath(part)) for part in text.split(os.pathsep)] for text in (inside, writable)))
    sys.addaudithook(watch)
    codes = []
    while len(arguments):
        end = arguments.index(THEN) if THEN in arguments else len(arguments)
        sys.argv[1:], arguments = arguments[:end], arguments[end + 1 :]
        codes.append(_code(bboxprep.cli.main))
    for line in dict.fromkeys(watch.strayed):
        sys.stderr.write(f"{STRAYED} {line}\n")
    sys.stderr.write(f"{ENDED} {_peak()} {' '.join(map(str, codes))}\n")


def _limit(size: int) -> None:
    """Let the process have `size` bytes of addresses, where the system knows such a limit."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (size, size))


def _peak() -> int:
    """The most memory that the process has had, MiB; 0 where the system does not tell."""
    try:  # where it can be: `ru_maxrss` has in it what the process that started this one held
        said = Path("/proc/self/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) >> 10 for line in said.splitlines() if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> (20 if sys.platform == "darwin" else 10)


def _code(command: Callable[[], None]) -> int:
    try:
        command()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0


if __name__ == "__main__":
    main()

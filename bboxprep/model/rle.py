"""Run-length masks as COCO keeps them: runs of 0 and 1 in turn, down the columns, starting with 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bboxprep.geometry.affine import Size


@dataclass(frozen=True, slots=True)
class Rle:
    """A mask of `size`. `runs` sum to its pixels; `compressed` remembers which of COCO's two spellings it came in.

    Raises ValueError where the runs do not fit the size.
    """

    size: Size
    runs: tuple[int, ...]
    compressed: bool = True

    def __post_init__(self) -> None:
        if min(self.runs, default=0) < 0 or sum(self.runs) != self.size.pixels:
            raise ValueError(f"runs sum to {sum(self.runs)}, want {self.size.pixels} for {self.size}")

    @classmethod
    def from_mask(cls, mask: NDArray[np.bool_], *, compressed: bool = True) -> Rle:
        """The runs of a boolean mask of shape (height, width)."""
        height, width = mask.shape
        rows, columns = np.divmod(np.flatnonzero(mask[1:] != mask[:-1]), width)  # no turned copy: masks lie in rows
        next_columns = np.flatnonzero(mask[0, 1:] != mask[-1, :-1]) + 1
        edges = np.sort(np.concatenate((columns * height + rows + 1, next_columns * height)))
        runs = np.diff(np.concatenate(([0], edges, [mask.size]))).tolist()
        return cls(Size(width, height), tuple([0, *runs] if mask[0, 0] else runs), compressed)

    @classmethod
    def from_text(cls, size: Size, text: bytes) -> Rle:
        """The runs of COCO's compressed spelling (pycocotools, ``maskApi.c``: ``rleFrString``).

        Each number is six-bit characters from "0" on, low five bits first, the sixth saying that more follow, the
        fifth of the last one being the sign; from the fourth number on it is a difference to the one two before.
        Raises ValueError.
        """
        codes = np.frombuffer(text, dtype=np.uint8).astype(np.int64) - 48
        if codes.size == 0:
            return cls(size, ())
        if codes.min() < 0 or codes.max() > 63 or codes[-1] & 32:
            raise ValueError("not a compressed run-length text")
        ends = np.flatnonzero((codes & 32) == 0)
        starts = np.concatenate(([0], ends[:-1] + 1))
        if (ends - starts).max() > 11:
            raise ValueError("a run longer than any picture")
        shifts = 5 * (np.arange(codes.size) - np.repeat(starts, ends - starts + 1))
        values = np.add.reduceat((codes & 31) << shifts, starts)
        values -= np.where(codes[ends] & 16, np.int64(1) << (shifts[ends] + 5), 0)
        values[1::2] = np.cumsum(values[1::2])
        values[2::2] = np.cumsum(values[2::2])
        return cls(size, tuple(values.tolist()))

    def text(self) -> bytes:
        """COCO's compressed spelling, the same characters as pycocotools writes."""
        out = bytearray()
        for index, run in enumerate(self.runs):
            value = run - self.runs[index - 2] if index > 2 else run
            more = True
            while more:
                code = value & 31
                value >>= 5
                more = value != (-1 if code & 16 else 0)
                out.append((code | (32 if more else 0)) + 48)
        return bytes(out)

    def mask(self) -> NDArray[np.bool_]:
        """The mask, boolean of shape (height, width)."""
        values = np.arange(len(self.runs)) % 2 == 1
        return np.repeat(values, self.runs).reshape(self.size.height, self.size.width, order="F")

    @property
    def area(self) -> int:
        """The number of pixels set."""
        return sum(self.runs[1::2])

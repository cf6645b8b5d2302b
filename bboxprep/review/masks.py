"""Run-length masks as SVG paths, coarse enough to send and fine enough to see."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST = 160  # rows and columns of the grid that a mask is shown on


def mask_path(mask: NDArray[np.bool_]) -> str:
    """The region of `mask`, boolean (H, W), as the ``d`` of an SVG path in pixels: a bar for each run of each row.

    Over `MOST` pixels long or wide, it is shown by the cells of a coarser grid that it touches. "" for an empty mask.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return ""
    top, left = int(rows[0]), int(columns[0])
    seen = mask[top : rows[-1] + 1, left : columns[-1] + 1]
    step = -(-max(seen.shape) // MOST)
    seen = _coarse(seen, step)
    edges = np.diff(np.pad(seen, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    starts, ends = np.argwhere(edges == 1), np.argwhere(edges == -1)
    return "".join(
        f"M{left + step * first} {top + step * row}h{step * (last - first)}v{step}h{-step * (last - first)}z"
        for (row, first), (_, last) in zip(starts.tolist(), ends.tolist(), strict=True)
    )


def _coarse(mask: NDArray[np.bool_], step: int) -> NDArray[np.bool_]:
    """For each cell of `step` x `step` pixels whether `mask` touches it, so that nothing thin is lost."""
    height, width = mask.shape
    whole = np.pad(mask, ((0, -height % step), (0, -width % step)))
    cells = whole.reshape(len(whole) // step, step, -1, step)
    return np.asarray(cells.any(axis=(1, 3)))

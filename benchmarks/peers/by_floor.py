"""What no program of these codecs can beat: read, decode at no less than the target's size, encode a canvas that is
ready.

No resampling, no turning, no labels. ``by_floor.py CORPUS CANVASES.npy`` prints the fastest decoder and encoder for
its photos and keeps eight canvases for ``by_floor.py CORPUS OUT THREADS CANVASES.npy DECODER ENCODER``, so that the
run begins with them.
"""

import io
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from PIL import Image
from pool import PAD, QUALITY, SIDE, each, fitted

cv2.setNumThreads(1)
REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


def by_opencv(data: bytes) -> None:
    """Its reduced decode; the header is read by simplejpeg."""
    height, width = simplejpeg.decode_jpeg_header(data)[:2]
    wide, high, _, _ = fitted(width, height)
    factor = max(n for n in REDUCED if n == 1 or (width >= n * wide and height >= n * high))
    cv2.imdecode(np.frombuffer(data, np.uint8), REDUCED[factor] | cv2.IMREAD_IGNORE_ORIENTATION)


def by_simplejpeg(data: bytes) -> None:
    """In eighths."""
    height, width = simplejpeg.decode_jpeg_header(data)[:2]
    wide, high, _, _ = fitted(width, height)
    simplejpeg.decode_jpeg(data, "BGR", min_width=min(wide, width), min_height=min(high, height), min_factor=1)


def by_pillow(data: bytes) -> None:
    """Its draft."""
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", fitted(*image.size)[:2])
        image.load()


DECODERS = {"opencv": by_opencv, "simplejpeg": by_simplejpeg, "pillow": by_pillow}


def pillow_jpeg(canvas: np.ndarray) -> bytes:
    """Pillow's encoder."""
    buffer = io.BytesIO()
    Image.fromarray(canvas).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


ENCODERS: dict[str, Callable[[np.ndarray], bytes]] = {
    "opencv": lambda canvas: cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes(),
    "simplejpeg": partial(simplejpeg.encode_jpeg, quality=QUALITY, colorspace="BGR", colorsubsampling="420"),
    "pillow": pillow_jpeg,
}


def canvas_of(photo: Path) -> np.ndarray:
    """A letterboxed photo, ready to be encoded."""
    image = cv2.imread(str(photo))
    wide, high, left, top = fitted(image.shape[1], image.shape[0])
    canvas = np.full((SIDE, SIDE, 3), PAD, np.uint8)
    canvas[top : top + high, left : left + wide] = cv2.resize(image, (wide, high), interpolation=cv2.INTER_AREA)
    return canvas


def fastest(tasks: dict[str, Callable], inputs: list) -> str:
    """The name of the task with the least sum of its best times."""

    def best(task: Callable, value: object) -> float:
        times = []
        for _ in range(5):
            start = time.perf_counter()
            task(value)
            times.append(time.perf_counter() - start)
        return min(times)

    return min(tasks, key=lambda name: sum(best(tasks[name], value) for value in inputs))


def sample(corpus: Path) -> list[Path]:
    """Eight photos from all over a corpus."""
    photos = sorted((corpus / "train").iterdir())
    return photos[:: max(1, len(photos) // 8)][:8]


def prepare(corpus: Path, kept: Path) -> None:
    """Print the fastest codecs, keep the canvases."""
    photos = sample(corpus)
    canvases = [canvas_of(photo) for photo in photos]
    np.save(kept, canvases)
    print(fastest(DECODERS, [photo.read_bytes() for photo in photos]), fastest(ENCODERS, canvases))


def run(kept: Path, decoder: str, encoder: str) -> None:
    """The codec's work for each photo; of eight canvases, lest an encoder profit from having just seen its input."""
    canvases, decode, encode = np.load(kept), DECODERS[decoder], ENCODERS[encoder]
    each(lambda photo, output: output.write_bytes(use(photo, decode, encode, canvases)))


def use(
    photo: Path, decode: Callable[[bytes], None], encode: Callable[[np.ndarray], bytes], canvases: np.ndarray
) -> bytes:
    """One photo decoded, one canvas encoded."""
    decode(photo.read_bytes())
    return encode(canvases[int(photo.stem) % len(canvases)])


if len(sys.argv) == 3:
    prepare(Path(sys.argv[1]), Path(sys.argv[2]))
else:
    run(Path(sys.argv[4]), *sys.argv[5:])

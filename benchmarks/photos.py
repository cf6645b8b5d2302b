"""Photos to draw corpora from: public ones where they are at hand, else made ones whose spectrum is that of photos."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Size = tuple[int, int]  # width, height
Pixels = NDArray[np.uint8]  # (H, W, 3) RGB

DATASETS = ("microcontroller", "groundnut", "bccd", "raccoon", "ultralytics_hub", "icevision")
MADE = 8  # photos, where there are none
GRAINS = (0, 4, 7, 11, 16, 23, 32, 45, 60)  # levels of texture, tried until a file is large enough


@dataclass(frozen=True)
class Photos:
    """Where images come from, and the `texture` (H, W) that gives them grain: 1/f-like, mean 0, deviation 1."""

    paths: tuple[tuple[Path, ...], ...]
    made: tuple[Pixels, ...]
    texture: NDArray[np.float32]

    def draw(self, size: Size, random: np.random.Generator) -> Pixels:
        """A part of a photo, `size` large: no smaller than a third of it, mirrored or not."""
        wide, high = size
        photo = self._photo(random)
        scale = min(photo.width / wide, photo.height / high) * random.uniform(0.6, 1.0)
        width, height = wide * scale, high * scale
        left, top = random.random() * (photo.width - width), random.random() * (photo.height - height)
        box = (left, top, left + width, top + height)
        picture = photo.resize(size, Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)
        return np.asarray(picture)[:, :: int(random.choice((-1, 1)))]

    def grain(self, pixels: Pixels, strength: float, random: np.random.Generator) -> Pixels:
        """`pixels` with texture of so many levels."""
        if not strength:
            return pixels
        height, width = pixels.shape[:2]
        shifts = [int(random.integers(length)) for length in self.texture.shape]
        rows = (np.arange(height) + shifts[0]) % self.texture.shape[0]
        columns = (np.arange(width) + shifts[1]) % self.texture.shape[1]
        grain = self.texture[rows][:, columns] * np.float32(strength)
        return np.clip(pixels + grain[..., None], 0, 255).astype(np.uint8)

    def _photo(self, random: np.random.Generator) -> Image.Image:
        if not self.paths:
            return Image.fromarray(self.made[int(random.integers(len(self.made)))])
        dataset = self.paths[int(random.integers(len(self.paths)))]
        with Image.open(dataset[int(random.integers(len(dataset)))]) as image:
            return image.convert("RGB")


def find_photos(data: Path, texture: Size) -> Photos:
    """The photos of the known datasets in `data`, those of which are large enough; made ones where there is none."""
    datasets = [sorted(path for path in (data / name).rglob("*") if _serves(path)) for name in DATASETS]
    paths = tuple(tuple(dataset) for dataset in datasets if dataset)
    random = np.random.default_rng(1)
    made = () if paths else tuple(_scene((1024, 768), random) for _ in range(MADE))
    return Photos(paths, made, _spectrum(texture, 0.7, random))


def jpeg(photos: Photos, pixels: Pixels, least: float, random: np.random.Generator, exif: int = 1) -> bytes:
    """A JPEG of quality 90, 4:2:0, with as much texture as it takes to make `least` bytes of it."""
    data = b""
    for strength in GRAINS:
        data = _encoded(photos.grain(pixels, strength, random), exif)
        if len(data) >= least:
            break
    return data


def _encoded(pixels: Pixels, exif: int) -> bytes:
    buffer, tags = io.BytesIO(), Image.Exif()
    tags[0x0112] = exif
    options = {} if exif == 1 else {"exif": tags}
    Image.fromarray(pixels).save(buffer, "JPEG", quality=90, subsampling="4:2:0", **options)
    return buffer.getvalue()


def _serves(path: Path) -> bool:
    if path.suffix.lower() not in {".jpg", ".jpeg"}:
        return False
    try:
        with Image.open(path) as image:
            return min(image.size) >= 300 and image.mode == "RGB"
    except OSError:
        return False


def _scene(size: Size, random: np.random.Generator) -> Pixels:
    """An image of blotches in three colours that mostly go together, as in photos."""
    shared = _spectrum(size, 1.1, random)
    channels = [0.85 * shared + 0.5 * _spectrum(size, 1.1, random) for _ in range(3)]
    return np.clip(np.stack(channels, axis=-1) * 55 + 118, 0, 255).astype(np.uint8)


def _spectrum(size: Size, slope: float, random: np.random.Generator) -> NDArray[np.float32]:
    """(H, W), mean 0, deviation 1, tiling: noise whose amplitude falls with the frequency to the power of `slope`."""
    width, height = size
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    frequency[0, 0] = np.inf
    waves = np.fft.rfft2(random.standard_normal((height, width)))
    picture = np.fft.irfft2(waves * frequency**-slope, s=(height, width))
    return (picture / picture.std()).astype(np.float32)

"""albumentations over imread: LongestMaxSize(area) and PadIfNeeded."""

from pathlib import Path

import albumentations
import cv2
from pool import PAD, QUALITY, SIDE, each

cv2.setNumThreads(1)
letterbox = albumentations.Compose(
    [
        albumentations.LongestMaxSize(SIDE, interpolation=cv2.INTER_AREA),
        albumentations.PadIfNeeded(SIDE, SIDE, border_mode=cv2.BORDER_CONSTANT, fill=PAD),
    ]
)


def one(photo: Path, output: Path) -> None:
    """One photo; imread turns it by its EXIF orientation."""
    image = letterbox(image=cv2.imread(str(photo)))["image"]
    cv2.imwrite(str(output), image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


each(one)

"""The script that many have: imread, INTER_AREA, copyMakeBorder, imwrite."""

from pathlib import Path

import cv2
from pool import PAD, QUALITY, SIDE, each, fitted

cv2.setNumThreads(1)


def letterbox(photo: Path, output: Path) -> None:
    """One photo; imread turns it by its EXIF orientation."""
    image = cv2.imread(str(photo))
    height, width = image.shape[:2]
    wide, high, left, top = fitted(width, height)
    if (wide, high) != (width, height):
        image = cv2.resize(image, (wide, high), interpolation=cv2.INTER_AREA)
    margins = (top, SIDE - high - top, left, SIDE - wide - left)
    image = cv2.copyMakeBorder(image, *margins, cv2.BORDER_CONSTANT, value=(PAD, PAD, PAD))
    cv2.imwrite(str(output), image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


each(letterbox)

"""What the first bytes of an image say of it."""

from __future__ import annotations

from dataclasses import dataclass

from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import Dihedral


@dataclass(frozen=True, slots=True)
class Header:
    """An image file before its pixels are decoded.

    `size` is that of the *stored* pixels whatever the container (of a HEIC, which no reader gives otherwise, as it is
    displayed); `orientation` the effective EXIF code, 1 to 8, that a viewer turns it by. `tagged` says whether the file
    holds any orientation tag (EXIF or XMP) other than 1, valid or not, so that a byte copy of it could be read as
    turned by somebody. `depth` counts bits a channel, `frames` pictures in the file. `invalid` and `disputed` hold the
    words for the findings `orientation-invalid` and `orientation-disputed`, or "".
    """

    size: Size
    orientation: int = 1
    container: str = "jpeg"
    mode: str = "RGB"
    depth: int = 8
    frames: int = 1
    tagged: bool = False
    invalid: str = ""
    disputed: str = ""

    @property
    def turn(self) -> Dihedral:
        """The turn from the stored to the displayed picture."""
        return Dihedral.from_exif(self.orientation)

    @property
    def displayed(self) -> Size:
        """The size a viewer shows."""
        return self.turn.size(self.size)

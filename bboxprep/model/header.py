"""The header of an image file: size, EXIF orientation, container, mode and bit depth."""

from __future__ import annotations

import msgspec

from bboxprep.geometry.affine import Size
from bboxprep.geometry.dihedral import Dihedral


class Header(msgspec.Struct, frozen=True):
    """The facts about an image file that are known before its pixels are decoded (`images.header.read_header`).

    `size` is the size of the *stored* pixels; of a HEIC the displayed size, since decoders return nothing else.
    `orientation` is the effective EXIF code, 1 to 8. `tagged`: the file holds an orientation tag (EXIF or XMP) other
    than 1, valid or not, so some viewer may turn a byte copy of it. `stated`: the labels state the orientation and lie
    on the stored image, and the file has none. `depth` is the number of bits of a channel, `frames` the number of
    images in the file. `invalid` and `disputed` are the messages of the findings
    `orientation-invalid` and `orientation-disputed`, or "". `ends_early`: the file ends before its container does
    (`images.truncation`); a probe refuses it unless its pixels are all there.
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
    ends_early: bool = False
    stated: bool = False

    @property
    def turn(self) -> Dihedral:
        """The turn from the stored to the displayed image."""
        return Dihedral.from_exif(self.orientation)

    @property
    def displayed(self) -> Size:
        """The size after the EXIF orientation is applied."""
        return self.turn.size(self.size)

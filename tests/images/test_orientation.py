from __future__ import annotations

import re
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bboxprep.images import orientation
from bboxprep.images.container import metadata_blocks
from bboxprep.images.orientation import OrientationVerdict, judge, untagged
from tests.images import specimens
from tests.images.decoders import differ, opencv_shows, pillow_shows, turned
from tests.images.specimens import EXIF_HEADER, jpeg, oriented_file, png, raw_profile, tiff_block, webp, xmp_packet

XMP = specimens.XMP_HEADER
ITXT = b"XML:com.adobe.xmp\0\0\0\0\0"
PROFILE = b"Raw profile type exif\0"


def app1(payload: bytes) -> tuple[int, bytes]:
    return (0xE1, payload)


TWO_IN_IFD0 = b"II*\0\x08\0\0\0" + specimens.ifd([(274, 3, 1, 6), (274, 3, 1, 1)], "<")

# container, file, orientation that we and Pillow see, orientation that OpenCV sees
DISPUTED = {
    "doubled EXIF header": ("jpeg", jpeg(app1(EXIF_HEADER * 2 + tiff_block(6))), 6, 1),
    "stray EXIF header in PNG": ("png", png((b"eXIf", EXIF_HEADER + tiff_block(6))), 6, 1),
    "stray EXIF header in WebP": ("webp", webp(exif=EXIF_HEADER + tiff_block(6)), 6, 1),
    "only XMP, JPEG": ("jpeg", jpeg(app1(XMP + xmp_packet(6))), 6, 1),
    "only XMP, element": ("jpeg", jpeg(app1(XMP + xmp_packet(8, element=True))), 8, 1),
    "only XMP, PNG": ("png", png((b"iTXt", ITXT + xmp_packet(5))), 5, 1),
    "only XMP, compressed": ("png", png((b"iTXt", ITXT[:-4] + b"\1\0\0\0" + zlib.compress(xmp_packet(6)))), 6, 1),
    "only XMP, behind the pixels": ("png", png((b"iTXt", ITXT + xmp_packet(6)), late=True), 6, 1),
    "only XMP, WebP": ("webp", webp(xmp=xmp_packet(3)), 3, 1),
    "only XMP, TIFF": ("tiff", specimens.saved("TIFF", specimens.card(), tiffinfo={700: xmp_packet(6)}), 6, 1),
    "XMP contradicts EXIF": ("jpeg", jpeg(app1(EXIF_HEADER + tiff_block(1)), app1(XMP + xmp_packet(6))), 1, 1),
    "text profile": ("png", png((b"tEXt", PROFILE + raw_profile(tiff_block(6)))), 6, 1),
    "compressed text profile": (
        "png",
        png((b"zTXt", PROFILE + b"\0" + zlib.compress(raw_profile(tiff_block(7))))),
        7,
        1,
    ),
    "LONG, big end first": ("jpeg", jpeg(app1(EXIF_HEADER + tiff_block(6, ">", kind=4))), 6, 1),
    "BYTE": ("jpeg", jpeg(app1(EXIF_HEADER + tiff_block(6, kind=1))), 1, 6),
    "unknown type": ("jpeg", jpeg(app1(EXIF_HEADER + tiff_block(6, kind=77))), 1, 6),
    "no value": ("jpeg", jpeg(app1(EXIF_HEADER + tiff_block(6, count=0))), 1, 6),
    "second block": ("jpeg", jpeg(app1(EXIF_HEADER + tiff_block(1)), app1(EXIF_HEADER + tiff_block(6))), 1, 1),
}
CLEAR = {
    "plain": ("jpeg", jpeg(app1(EXIF_HEADER + tiff_block(6))), 6),
    "big end first": ("jpeg", jpeg(app1(EXIF_HEADER + tiff_block(6, ">"))), 6),
    "LONG, little end first": ("jpeg", jpeg(app1(EXIF_HEADER + tiff_block(6, kind=4))), 6),
    "two values": ("jpeg", jpeg(app1(EXIF_HEADER + tiff_block(6, count=2))), 6),
    "EXIF and XMP agree": ("jpeg", jpeg(app1(EXIF_HEADER + tiff_block(6)), app1(XMP + xmp_packet(6))), 6),
    "EXIF behind the pixels": ("png", png((b"eXIf", tiff_block(6)), late=True), 6),
    "thumbnail tagged otherwise": ("jpeg", jpeg(app1(EXIF_HEADER + tiff_block(6, thumbnail=1))), 6),
}
INVALID = {
    value: ("jpeg", jpeg(app1(EXIF_HEADER + tiff_block(value, kind=4))), 1) for value in (0, 9, 10, 65537)
}  # fmt: skip
ALL = [
    *((container, data) for container, data, *_ in (*DISPUTED.values(), *CLEAR.values(), *INVALID.values())),
    *((container, oriented_file(container, code)) for container in specimens.CONTAINERS for code in range(1, 9)),
]


@pytest.mark.parametrize("case", DISPUTED)
def test_a_file_that_decoders_differ_over_is_called_disputed_and_they_do_differ(case: str) -> None:
    container, data, ours, opencvs = DISPUTED[case]
    verdict = judge(metadata_blocks(data, container))
    assert verdict.orientation == ours
    assert verdict.tagged
    assert verdict.disputed
    assert differ(pillow_shows(data), turned(specimens.card(), ours)) < 3
    assert differ(opencv_shows(data), turned(specimens.card(), opencvs)) < 3


@pytest.mark.parametrize("case", CLEAR)
def test_a_file_that_decoders_agree_on_is_not_disputed(case: str) -> None:
    container, data, code = CLEAR[case]
    assert judge(metadata_blocks(data, container)) == OrientationVerdict(code, tagged=True)
    assert differ(pillow_shows(data), turned(specimens.card(), code)) < 3
    assert differ(opencv_shows(data), turned(specimens.card(), code)) < 3


@pytest.mark.parametrize("value", INVALID)
def test_an_invalid_orientation_is_no_turn_and_is_told(value: int) -> None:
    container, data, _ = INVALID[value]
    verdict = judge(metadata_blocks(data, container))
    assert (verdict.orientation, verdict.tagged, verdict.disputed) == (1, True, "")
    assert f"orientation {value} " in verdict.invalid
    assert differ(pillow_shows(data), specimens.card()) < 3
    assert differ(opencv_shows(data), specimens.card()) < 3


def test_two_tags_in_one_directory_are_disputed_and_the_first_is_taken() -> None:
    verdict = judge(metadata_blocks(jpeg(app1(EXIF_HEADER + TWO_IN_IFD0)), "jpeg"))
    assert (verdict.orientation, verdict.disputed) == (6, "EXIF says 6, another EXIF tag 1; taken as 6")


def test_words_name_both_sides_of_a_dispute() -> None:
    container, data, *_ = DISPUTED["XMP contradicts EXIF"]
    assert judge(metadata_blocks(data, container)).disputed == "EXIF says 1, XMP says 6; taken as 1"


@pytest.mark.parametrize("container", ["jpeg", "png", "webp"])
def test_an_orientation_of_one_everywhere_is_not_a_tag(container: str) -> None:
    block = EXIF_HEADER + tiff_block(1) if container == "jpeg" else tiff_block(1)
    assert (
        judge(metadata_blocks(specimens.image_file(container, exif=block, xmp=xmp_packet(1)), container))
        == OrientationVerdict()
    )


@pytest.mark.parametrize(("container", "data"), ALL)
def test_an_untagged_file_is_read_unturned_by_all_and_its_pixels_are_the_same(container: str, data: bytes) -> None:
    clean = untagged(data, container)
    assert judge(metadata_blocks(clean, container)) == OrientationVerdict()
    assert differ(pillow_shows(clean), specimens.card()) < 3
    assert differ(opencv_shows(clean), specimens.card()) < 3
    assert untagged(clean, container) == clean


@pytest.mark.parametrize("case", ["plain", "EXIF and XMP agree", "EXIF behind the pixels"])
def test_untagging_changes_a_few_bytes_in_place(case: str) -> None:
    container, data, _ = CLEAR[case]
    clean = untagged(data, container)
    assert len(clean) == len(data)
    assert sum(one != other for one, other in zip(data, clean, strict=True)) <= 8


def test_untagging_a_tiff_untags_its_further_pages() -> None:
    second = Image.fromarray(specimens.card())
    data = specimens.saved("TIFF", specimens.card(), save_all=True, append_images=[second], tiffinfo={274: 6})
    assert pillow_shows(untagged(data, "tiff", pages=2)).shape == specimens.card().shape


def test_a_png_without_orientation_keeps_its_texts() -> None:
    data = png((b"iTXt", ITXT[:-4] + b"\1\0\0\0" + zlib.compress(xmp_packet(1))), (b"tEXt", b"Comment\0hello"))
    assert untagged(data, "png") == data


@pytest.mark.parametrize("element", [True, False])
@pytest.mark.parametrize("value", [0, 1, 6, 8, 9, 65537])
def test_an_orientation_is_read_as_attribute_or_element(value: int, *, element: bool) -> None:
    assert orientation.xmp_orientations(xmp_packet(value, element=element)) == (value,)


@pytest.mark.parametrize("text", [b"tiff:Orientation='6'", b'tiff:Orientation = "6"', b"<tiff:Orientation> 6 </"])
def test_other_spellings_of_the_same_xml_are_read(text: bytes) -> None:
    assert orientation.xmp_orientations(text) == (6,)


@pytest.mark.parametrize(
    "text", [b"", b"tiff:Orientation", b'tiff:Orientation="up"', b"exif:Orientation='6'", b"\xff\xfe<"]
)
def test_what_states_no_number_states_nothing(text: bytes) -> None:
    assert orientation.xmp_orientations(text) == ()
    assert orientation.xmp_upright(text) == text


@given(st.lists(st.tuples(st.integers(-9, 99_999), st.booleans()), max_size=3), st.binary(max_size=40))
def test_patching_leaves_ones_only_and_the_length(said: list[tuple[int, bool]], noise: bytes) -> None:
    packet = noise + b"".join(xmp_packet(value, element=element) for value, element in said) + noise
    patched = orientation.xmp_upright(packet)
    assert len(patched) == len(packet)
    assert set(orientation.xmp_orientations(patched)) <= {1}
    assert len(orientation.xmp_orientations(patched)) == len(orientation.xmp_orientations(packet))
    # the rule by which Pillow finds it reads a 1 as well
    assert set(re.findall(rb'tiff:Orientation(?:="|>)([0-9])', patched)) <= {b"1"}

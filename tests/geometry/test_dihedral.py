from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from bboxprep.geometry.affine import Points, Size
from bboxprep.geometry.dihedral import FLIP_HORIZONTAL, FLIP_VERTICAL, IDENTITY, ROTATE_180, Dihedral
from tests.strategies import dihedrals, points, sizes

EIGHT = tuple(Dihedral(*bits) for bits in product((False, True), repeat=3))
CARD = np.arange(6, dtype=np.uint8).reshape(2, 3)
CARD_SIZE = Size(3, 2)


def moved(turn: Dihedral, card: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`card` with the centre of each pixel moved by the turn's affine."""
    size = Size(card.shape[1], card.shape[0])
    out = np.full(turn.size(size)[::-1], 255, dtype=np.uint8)
    for row, column in np.ndindex(card.shape):
        x, y = turn.affine(size)(np.array([column + 0.5, row + 0.5])) - 0.5
        out[int(y), int(x)] = card[row, column]
    return out


@pytest.mark.parametrize(("second", "first"), list(product(EIGHT, EIGHT)))
def test_the_product_of_turns_is_the_product_of_their_maps(second: Dihedral, first: Dihedral) -> None:
    both = second @ first
    assert both.affine(CARD_SIZE) == second.affine(first.size(CARD_SIZE)) @ first.affine(CARD_SIZE)
    assert both.size(CARD_SIZE) == second.size(first.size(CARD_SIZE))
    assert np.array_equal(moved(both, CARD), moved(second, moved(first, CARD)))


@given(dihedrals(), dihedrals(), dihedrals())
def test_turns_are_a_group(a: Dihedral, b: Dihedral, c: Dihedral) -> None:
    assert (a @ b) @ c == a @ (b @ c)
    assert a @ IDENTITY == a == IDENTITY @ a
    assert a @ ~a == IDENTITY == ~a @ a
    assert ~(a @ b) == ~b @ ~a


def test_the_eight_move_a_picture_in_eight_ways() -> None:
    assert len({moved(turn, CARD).tobytes() + bytes([turn.swap]) for turn in EIGHT}) == 8


@pytest.mark.parametrize("code", range(1, 9))
def test_an_exif_code_turns_as_pillow_does(code: int) -> None:
    image = Image.fromarray(CARD)
    exif = Image.Exif()
    exif[0x0112] = code
    image.info["exif"] = exif.tobytes()
    turn = Dihedral.from_exif(code)
    assert np.array_equal(moved(turn, CARD), np.array(ImageOps.exif_transpose(image)))
    assert turn.exif == code


@given(st.integers().filter(lambda code: not 1 <= code <= 8))
def test_any_other_code_means_no_turn(code: int) -> None:
    assert Dihedral.from_exif(code).is_identity


@given(dihedrals(), sizes())
def test_the_inverse_turn_has_the_inverse_map(turn: Dihedral, size: Size) -> None:
    assert (~turn).affine(turn.size(size)) @ turn.affine(size) == IDENTITY.affine(size)
    assert (~turn).size(turn.size(size)) == size


@given(dihedrals(), sizes().flatmap(lambda size: st.tuples(st.just(size), points(size))))
def test_what_lies_in_the_picture_stays_in_it(turn: Dihedral, case: tuple[Size, Points]) -> None:
    size, xy = case
    out = turn.affine(size)(xy)
    assert (out >= 0.0).all()
    assert (out <= np.array(turn.size(size))).all()


@given(dihedrals())
def test_every_turn_has_an_exif_code(turn: Dihedral) -> None:
    assert Dihedral.from_exif(turn.exif) == turn


def test_the_named_turns_are_what_they_say() -> None:
    assert np.array_equal(moved(FLIP_HORIZONTAL, CARD), CARD[:, ::-1])
    assert np.array_equal(moved(FLIP_VERTICAL, CARD), CARD[::-1])
    assert np.array_equal(moved(ROTATE_180, CARD), CARD[::-1, ::-1])
    assert np.array_equal(moved(Dihedral(swap=True), CARD), CARD.T)

from __future__ import annotations

from collections.abc import Callable

import pytest

from bboxprep.errors import UsageError
from bboxprep.geometry.affine import Size
from bboxprep.recipe.cli_values import parse_color, parse_crop, parse_pad, parse_size, parse_tile
from bboxprep.recipe.crops import Crop


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (parse_size, "640", Size(640, 640)),
        (parse_size, "640x480", Size(640, 480)),
        (parse_size, "640X480", Size(640, 480)),
        (parse_size, "640*480", Size(640, 480)),
        (parse_crop, "1, 2,30,40", Crop(1, 2, 30, 40)),
        (parse_crop, "10%, 2.5%,30%,97.5%", Crop("10%", "2.5%", "30%", "97.5%")),  # type: ignore[arg-type]
        (parse_tile, "64x32:0.2", {"size": Size(64, 32), "overlap": 0.2}),
        (parse_tile, "2rows,3columns", {"rows": 2, "columns": 3}),
        (parse_tile, "1 row, 3 columns:0.5", {"rows": 1, "columns": 3, "overlap": 0.5}),
        (parse_color, "255", (255, 255, 255)),
        (parse_color, "1,2,3", (1, 2, 3)),
        (parse_pad, "114", 114),
        (parse_pad, "7,7,7", 7),
        (parse_pad, "1,2,3", (1, 2, 3)),
        (parse_pad, "reflect", "reflect"),
    ],
)
def test_words_become_values(parse: Callable[[str], object], text: str, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_size, "640x"),
        (parse_size, "0"),
        (parse_size, "-5"),
        (parse_size, "wide"),
        (parse_crop, "1,2,3"),
        (parse_crop, "1,2,3,0"),
        (parse_color, "256"),
        (parse_color, "1,2"),
        (parse_color, "1,,2"),
        (parse_color, ""),
        (parse_color, "²"),
        (parse_color, "\u0661"),
        (parse_size, "9" * 5000),
        (parse_size, "\u0661"),
        (parse_crop, "1,2,3," + "9" * 5000),
        (parse_pad, "mirror"),
    ],
)
def test_words_that_say_nothing_are_refused_with_what_is_wanted(parse: Callable[[str], object], text: str) -> None:
    with pytest.raises(UsageError, match="want"):
        parse(text)

"""Filters: which objects and which images a run leaves out. None of them changes what it keeps.

Sizes are those of the box of an object in the output image, for this is what a model is trained on. Near duplicates are
found first, in the source; then limits act, then the rules for images, on the objects that are left.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from bboxprep.errors import UsageError
from bboxprep.model.categories import require_class
from bboxprep.model.conditions import Condition
from bboxprep.spelling import suggestion

Dedupe = Literal["", "report", "drop"]
"""What a run does about images that look alike: report them where it decodes them, always, or leave all but one out."""
DUPLICATE = "image-duplicate"
"""The code of findings about images that are left out since they look like another one, and their refusal."""

_LIMIT = re.compile(r"(\d{1,30}(?:\.\d{1,30})?(?:e[-+]?\d{1,3})?)\s*(px|%)?", re.ASCII)
_WANT = "N (px) or N% of the side of the image"


@dataclass(frozen=True, slots=True)
class SizeLimit:
    """A limit for both sides of a box: `value` px, or per cent of the same side of the image (`unit`), for objects of
    the class `category`; "" for all classes that have no limit of their own.
    """

    value: float
    unit: Literal["px", "%"] = "px"
    category: str = ""

    @classmethod
    def parse(cls, text: object, option: str, category: str = "") -> SizeLimit:
        """The limit of ``8``, ``8px`` or ``2%``, given for `option`. Raises `UsageError`."""
        found = _LIMIT.fullmatch(str(text).strip())
        if not found:
            raise UsageError(f"{option}: have {text!r}, want {_WANT}")
        try:
            return cls(float(found[1]), "%" if found[2] == "%" else "px", category)
        except UsageError as error:
            raise UsageError(f"{option}: {str(error).partition(': ')[2]}") from error

    def __post_init__(self) -> None:
        if self.category == ALL:
            raise UsageError(f"size limit: have a class {ALL!r}, which is the word for all others here")
        most = 100.0 if self.unit == "%" else 2.0**31
        if isinstance(self.value, bool) or not 0 <= self.value <= most:
            raise UsageError(f"size limit: have {self}, want 0 to {most:.0f}{'%' if self.unit == '%' else ' px'}")
        object.__setattr__(self, "value", float(self.value))

    def __str__(self) -> str:
        return f"{self.value!r}".removesuffix(".0") + ("%" if self.unit == "%" else "")


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of a run; without any it is false.

    An object is left out if a side of its box is below its limit of `min_size` or above that of `max_size`; crowd
    regions stay, for their size is that of no object, and what they cover would become background. An image is
    left out, with its objects, if none of them is of a class in `only_images_with`, if a condition of `where` is not
    true of it, or if its path below the folder of the dataset is none of `only_images`, where there are such; and of
    the images without objects the share `drop_empty`, 0 to 1, chosen by a hash of their names.

    Before all of these, images of the source are left out: with `dedupe` "drop" those that look like another one (with
    "report" that is noted alone), and those whose classes have `max_per_class` objects in others of their split
    (`model.balance.beyond_limit`), 0 for no limit. Raises `UsageError`.
    """

    min_size: tuple[SizeLimit, ...] = ()
    max_size: tuple[SizeLimit, ...] = ()
    only_images_with: tuple[str, ...] = ()
    drop_empty: float = 0.0
    where: tuple[Condition, ...] = ()
    max_per_class: int = 0
    dedupe: Dedupe = ""
    only_images: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for option in ("min_size", "max_size"):
            names = [limit.category for limit in getattr(self, option)]
            if twice := next((name for name in names if names.count(name) > 1), None):
                raise UsageError(f"{option}: have two limits for the class {twice!r}, want one")
            if names.count("") > 1:
                raise UsageError(f"{option}: have two limits for all classes, want one")
        share: object = self.drop_empty
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise UsageError(f"drop_empty: have {share!r}, want a share of 0 to 1")
        most: object = self.max_per_class
        if type(most) is not int or not 0 <= most < 2**53:
            raise UsageError(f"max_per_class: have {most!r}, want a whole number of objects, or 0 for no limit")
        if self.dedupe not in get_args(Dedupe):
            raise UsageError(f"dedupe: have {self.dedupe!r:.80}, want {' or '.join(filter(None, get_args(Dedupe)))}")

    @classmethod
    def of(cls, data: object) -> Filters:
        """The filters of the plain `data` that `options` gives. Raises `UsageError`."""
        if not isinstance(data, Mapping):
            raise UsageError(f"filters: have {data!r:.80}, want a map of filters, as in min_size: 8")
        known = [field.name for field in fields(cls)]
        for name in data:
            if name not in known:
                raise UsageError(
                    f"filters: have {name!r}, want one of {', '.join(known)}{suggestion(str(name), known)}"
                )
        wanted = data.get("only_images_with", ())
        names = (wanted,) if isinstance(wanted, str) else wanted
        if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
            raise UsageError(f"only_images_with: have {wanted!r:.80}, want names of classes")
        asked = data.get("where", ())
        listed = (asked,) if isinstance(asked, str) else _listed(asked, "where")
        where = tuple(condition for text in listed for condition in Condition.parse_all(text))
        limits: dict[str, Any] = {
            name: tuple(_limits(data[name], name)) for name in ("min_size", "max_size") if name in data
        }
        paths = _listed(data.get("only_images", ()), "only_images")
        if not all(isinstance(path, str) for path in paths):
            raise UsageError(f"only_images: have {paths!r:.80}, want paths of images below the folder of the dataset")
        plain = {name: data[name] for name in ("drop_empty", "max_per_class", "dedupe") if name in data}
        if isinstance(plain.get("drop_empty"), bool):  # as the flag without a share
            plain["drop_empty"] = float(plain["drop_empty"])
        wanted_classes, images = tuple(dict.fromkeys(names)), frozenset(map(str, paths))
        return cls(only_images_with=wanted_classes, where=where, only_images=images, **plain, **limits)

    def __bool__(self) -> bool:
        return self != NO_FILTERS

    def options(self) -> dict[str, Any]:
        """The filters as plain data, without those that are not set."""
        found: dict[str, Any] = {
            name: {limit.category or ALL: str(limit) for limit in limits}
            for name, limits in (("min_size", self.min_size), ("max_size", self.max_size))
            if limits
        }
        if self.only_images_with:
            found["only_images_with"] = list(self.only_images_with)
        if self.where:
            found["where"] = list(map(str, self.where))
        found |= {"drop_empty": self.drop_empty} if self.drop_empty else {}
        found |= {"max_per_class": self.max_per_class} if self.max_per_class else {}
        found |= {"dedupe": self.dedupe} if self.dedupe else {}
        return found | ({"only_images": sorted(self.only_images)} if self.only_images else {})

    def check(self, names: Sequence[str], splits: Sequence[str]) -> None:
        """Raise `UsageError` for a class that is none of `names`, and for a split that is like none of `splits`."""
        for one in self.where:
            if one.field == "split" and not any(fnmatchcase(split, one.value) for split in splits):
                raise UsageError(f"where: have {one}, want a split of the source{suggestion(one.value, splits)}")
        for option in ("min_size", "max_size", "only_images_with"):
            for one in getattr(self, option):
                name = one.category if isinstance(one, SizeLimit) else one
                if name:
                    require_class(option, name, names)

    def check_images(self, paths: Collection[str]) -> None:
        """Raise `UsageError` for one of `only_images` that is none of the `paths` of the source."""
        if unknown := sorted(self.only_images - set(paths)):
            more = f" and {len(unknown) - 1:,} more" if len(unknown) > 1 else ""
            near = suggestion(unknown[0], paths) or f", as in {next(iter(paths), '')!r}"
            raise UsageError(f"only_images: have {unknown[0]!r}{more}, want paths of images of the source{near}")

    def __str__(self) -> str:
        options = self.options() | ({"only_images": f"{len(self.only_images):,}"} if self.only_images else {})
        words = [f"{name} {_words(value)}" for name, value in options.items()]
        return f"filters {', '.join(words)}"


NO_FILTERS = Filters()
ALL = "*"
"""The word for all classes that have no limit of their own, in plain data."""


def _listed(data: object, option: str) -> Sequence[object]:
    if not isinstance(data, list | tuple):
        raise UsageError(f"{option}: have {data!r:.80}, want a list")
    return data


def _limits(data: object, option: str) -> Iterator[SizeLimit]:
    """The limits of the plain `data`: one for all classes, or a map by class, where `ALL` is all others."""
    for name, value in data.items() if isinstance(data, Mapping) else [(ALL, data)]:
        yield SizeLimit.parse(value, option, "" if name == ALL else str(name))


def _words(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(text if name == ALL else f"{name}={text}" for name, text in value.items())
    if isinstance(value, str):
        return value
    return " ".join(value) if isinstance(value, list) else f"{value:g}"


def side_limits(limits: Iterable[SizeLimit], names: Sequence[str], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The limit of both sides of objects of the classes `names` (N) in images of the `sizes` (N, 2) px: float64 (N, 2)
    px, NaN where there is none.
    """
    by_class = {limit.category: limit for limit in limits}
    own = [by_class.get(name) or by_class.get("") for name in names]
    values = np.array([limit.value if limit else np.nan for limit in own], dtype=np.float64).reshape(-1, 1)
    shares = np.array([limit is not None and limit.unit == "%" for limit in own], dtype=np.bool_).reshape(-1, 1)
    return np.where(shares, values / 100.0 * sizes, values)

"""The part of a recipe for training images alone: random steps, and how many copies of each image they act on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bboxprep.errors import UsageError, WrongTypeError
from bboxprep.model.balance import MOST_COPIES, Balance
from bboxprep.model.splits import TRAIN
from bboxprep.recipe import plugins
from bboxprep.recipe.geometric import RecipeStep

_OTHERS = "*"  # in plain data, all images that show no class with copies of its own


@dataclass(frozen=True)
class Augment:
    """``Augment(Flip(p=0.5), copies=3)``: random steps; each training image gets `copies` draws of them.

    An image that shows a class of `copies_of` gets so many in place, the most that one of its classes asks for; and
    at least as many as `balance` gives it. `plain`: the first copy is not augmented. Without steps all copies are the
    same. Raises `UsageError` for an invalid number of copies.
    """

    steps: tuple[RecipeStep, ...]
    copies: int
    plain: bool
    copies_of: tuple[tuple[str, int], ...]
    balance: Balance | None

    def __init__(
        self,
        *steps: RecipeStep | Sequence[RecipeStep],
        copies: int = 1,
        plain: bool = False,
        copies_of: Mapping[str, int] | None = None,
        balance: Balance | float | None = None,
    ) -> None:
        own = dict(copies_of or {})
        if _OTHERS in own:
            raise UsageError(f"augment: copies: have a class {_OTHERS!r}, which is the word for all others here")
        for number in (copies, *own.values()):
            if type(number) is not int or not 1 <= number <= MOST_COPIES:
                raise UsageError(f"augment: copies: have {number!r}, want a whole number of 1 to {MOST_COPIES:,}")
        most = max([copies, *own.values()])
        if plain not in (True, False) or (plain and most == 1 and balance is None):
            raise UsageError(f"augment: plain: have {plain!r} with {copies} copies, want true with 2 or more, or false")
        listed = listed_steps("Augment", steps)
        if not listed and not own and balance is None:
            raise UsageError("augment: steps: have none, want at least one")
        object.__setattr__(self, "steps", listed)
        object.__setattr__(self, "copies", copies)
        object.__setattr__(self, "plain", plain)
        object.__setattr__(self, "copies_of", tuple(own.items()))
        object.__setattr__(self, "balance", Balance(balance) if isinstance(balance, int | float) else balance)

    @property
    def counts_classes(self) -> bool:
        """Whether the number of copies depends on what an image shows."""
        return bool(self.copies_of) or self.balance is not None

    def copies_by_image(
        self, keys: Sequence[str], classes: Sequence[Mapping[int, int]], names: Sequence[str]
    ) -> list[int]:
        """The number of copies of each training image: `keys` are their names, `classes` the number of their objects by
        label, `names` the class of each label.
        """
        own = dict(self.copies_of)
        wanted = [
            max([own[names[label]] for label in shown if names[label] in own], default=self.copies) for shown in classes
        ]
        return list(map(max, wanted, self.balance.copies(keys, classes))) if self.balance else wanted

    def options(self) -> dict[str, Any]:
        """The steps, `copies`, `plain` and `balance` as plain data, for the run record."""
        copies = {_OTHERS: self.copies, **dict(self.copies_of)} if self.copies_of else self.copies
        balance = {"balance": self.balance.options()} if self.balance else {}
        return {"copies": copies, "plain": self.plain, **balance, "steps": options_of(self.steps)}

    def __str__(self) -> str:
        words = [f"x{self.copies}", *(f"{name} x{count}" for name, count in self.copies_of)]
        words += [f"balanced {self.balance}"] if self.balance else []
        words += ["first plain"] if self.plain else []
        return f"augment {TRAIN} {', '.join(words)}: {' > '.join(map(str, self.steps)) or 'plain copies'}"


def copies_options(data: object) -> dict[str, Any]:
    """The arguments `copies` and `copies_of` of `Augment` of the plain `data`: a number, or a map by class, in which
    ``*`` is all others.
    """
    if not isinstance(data, Mapping):
        return {"copies": data}
    own = {str(name): count for name, count in data.items() if name != _OTHERS}
    return {"copies": data.get(_OTHERS, 1), "copies_of": own}


def listed_steps(name: str, steps: tuple[RecipeStep | Sequence[RecipeStep], ...]) -> tuple[RecipeStep, ...]:
    """The `steps` of the part of a recipe called `name`, given one by one or as one list. Raises `WrongTypeError` for
    anything else.
    """
    if len(steps) == 1 and isinstance(steps[0], list | tuple):
        steps = tuple(steps[0])
    for step in steps:
        if not isinstance(step, RecipeStep):
            have = f"the class {step.__name__} itself" if isinstance(step, type) else f"{step!r:.80}"
            raise WrongTypeError(f"{name}: have {have}, want steps, as in {name}(Letterbox(640), Grayscale())")
        if plugins.is_plugin(type(step)):
            plugins.checked_class(type(step))
    return tuple(step for step in steps if isinstance(step, RecipeStep))


def options_of(steps: Iterable[RecipeStep]) -> list[dict[str, Any]]:
    """`steps` as plain data: the name of each, and its options."""
    return [plugins.recorded(step) for step in steps]

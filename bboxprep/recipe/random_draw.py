"""The keyed draw: what chance says depends on (seed, image, copy, step) and on nothing else.

Neither the order in which images are worked on, nor the number of workers, the platform or a library's version has a
part in it: a number is a hash of its key (BLAKE2b, RFC 7693), so that a run can be repeated in part, and continued.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from bboxprep.recipe.values import Amount, OneOf

_UNIT = 2.0**-53  # a float64 holds 53 bits


@dataclass(frozen=True, slots=True)
class Draw:
    """The chance of one step: `key` names the image in its dataset, `copy` counts its copies, `step` the steps.

    Each number is asked for by a name of its own, so that no answer hangs on what was asked before.
    """

    seed: int
    key: str
    copy: int
    step: int

    def number(self, name: str) -> int:
        """A whole number of 0 to 2**64 - 1."""
        words = (str(self.seed), self.key, str(self.copy), str(self.step), name)
        text = "\0".join(words).encode("utf-8", "surrogatepass")
        return int.from_bytes(blake2b(text, digest_size=8, person=b"bboxprep").digest(), "big")

    def uniform(self, name: str) -> float:
        """A number of 0 to 1, 1 excluded."""
        return (self.number(name) >> 11) * _UNIT

    def amount(self, name: str, amount: Amount) -> float:
        """`amount` settled: all numbers of a range, and all of a choice, are as likely as each other."""
        match amount:
            case (low, high):
                return min(high, low + (high - low) * self.uniform(name))
            case OneOf(values):
                return values[int(self.uniform(name) * len(values))]
            case _:
                return amount

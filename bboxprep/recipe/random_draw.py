"""Random numbers that depend on (seed, image, copy, step) and nothing else.

A number is a hash of its key (BLAKE2b, RFC 7693). So the order of images, the number of workers, the platform and the
versions of libraries do not matter, and a run can be resumed or repeated in part.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from bboxprep.recipe.values import Amount, OneOf

_UNIT = 2.0**-53  # a float64 holds 53 bits


class Draw(msgspec.Struct, frozen=True):
    """The random numbers of one step: `key` is the image (``split/name``), `copy` the number of its copy, `step` the
    number of the step.

    Each number has a name, so it does not depend on the numbers drawn before it.
    """

    seed: int
    key: str
    copy: int
    step: int

    def number(self, name: str) -> int:
        """A whole number from 0 to 2**64 - 1, uniform."""
        words = (str(self.seed), self.key, str(self.copy), str(self.step), name)
        text = "\0".join(words).encode("utf-8", "surrogatepass")
        return int.from_bytes(blake2b(text, digest_size=8, person=b"bboxprep").digest(), "big")

    def uniform(self, name: str) -> float:
        """A number from 0 to 1, 1 excluded, uniform."""
        return (self.number(name) >> 11) * _UNIT

    def amount(self, name: str, amount: Amount) -> float:
        """A number drawn from `amount`, uniform over its range or its choices; a fixed number is returned as it is."""
        match amount:
            case (low, high):
                return min(high, low + (high - low) * self.uniform(name))
            case OneOf(values):
                return values[int(self.uniform(name) * len(values))]
            case _:
                return amount

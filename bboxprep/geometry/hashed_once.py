"""Values whose hash is computed once: caches look up the same recipe and the same plan for every image."""

from __future__ import annotations

from typing import Any, TypeVar

_Frozen = TypeVar("_Frozen")
_HASH = "_hash"


def hashed_once(kind: type[_Frozen]) -> type[_Frozen]:
    """The frozen dataclass `kind`, each instance of which keeps the hash of its fields."""
    hash_fields: Any = kind.__hash__

    def __hash__(self: Any) -> int:
        own: dict[str, Any] = self.__dict__
        if _HASH not in own:
            own[_HASH] = hash_fields(self)
        found: int = own[_HASH]
        return found

    kind.__hash__ = __hash__  # type: ignore[method-assign]  # of a class in the making
    return kind

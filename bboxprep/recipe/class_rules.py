"""The change of classes in a recipe: its plain data, and its words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bboxprep.errors import UsageError
from bboxprep.model.class_mapping import ClassPolicy
from bboxprep.spelling import suggestion

RULES = ("rename", "only", "drop", "classes")


def class_policy_of(data: object) -> ClassPolicy:
    """The policy of the plain `data` that `ClassPolicy.options` gives. Raises `UsageError`."""
    if not isinstance(data, Mapping):
        raise UsageError(f"classes: have {data!r:.80}, want a map with {', '.join(RULES)}")
    for name in data:
        if name not in RULES:
            raise UsageError(f"classes: have {name!r}, want a change of them{suggestion(str(name), RULES)}")
    rules: dict[str, Any] = dict(data)
    listed = {rule: tuple(have) for rule, have in rules.items() if isinstance(have, list) and rule != "rename"}
    return ClassPolicy(**rules | listed)


def class_words(policy: ClassPolicy) -> str:
    """What `policy` changes, in words; "" for nothing."""
    words = [f"rename {old}={new}" for old, new in policy.rename.items()]
    listed = {"only": policy.only, "drop": policy.drop, "in the order": policy.classes or ()}
    words += [f"{what} {', '.join(names)}" for what, names in listed.items() if names]
    return f"classes {'; '.join(words)}" if words else ""

"""The names of splits (train, val, test) in files, folders and keys, the same in every format.

| words                                                  | split                                           |
|--------------------------------------------------------|-------------------------------------------------|
| train, training, trn, train2017, my_train              | train                                           |
| val, valid, validation, dev, eval, val2017, my_val     | val                                             |
| test, testing, test2017, test-dev, my_test             | test                                            |
| trainval, minival, anything else                       | itself; train if it is the only, unknown name   |

Case, numbers and punctuation do not count: ``Train_2017`` is train, ``trainval2012`` is trainval. A word may stand in
two parts: ``test-dev`` is test, ``train_val`` is trainval. Of several words the last one counts, for it is what the
others describe: ``instances_train2017`` and ``2012_train`` are train, ``train-dev`` is val. What follows the last word
only narrows it: ``train2017_subset`` and ``train_annotations`` are train.

**A document, a list or a key** always names a split, so an unknown name is a split of that name (`split_of`). But the
only split of a source is train if its name is unknown (`splits_of`). That is applied when a source is opened, for every
format; readers need not do it.

**A folder** need not name a split. It does if its name has a word, or if it stands in the layout where a folder of
training images stands (`SplitFolders`): beside ``images/train``, ``images/fold1`` is a split; elsewhere it is a folder
of images. The root folder of the source names a split only if its name is a word alone. An archive counts as the
folder that it unpacks to: the images of ``valid.zip`` are val, as those of ``valid`` are.

**Two names of one split** (``val`` and ``valid``, ``train2014`` and ``train2017``) are one split with the images of
both. Images of documents get the name of their document as a prefix (`name_prefixes`). Documents that list the same
image, or whose names do not differ, are refused: one may be a draft of the other.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain

import msgspec

TRAIN, VAL, TEST = USUAL = ("train", "val", "test")  # in the usual order
WORDS: Mapping[str, str] = {
    **dict.fromkeys(("train", "training", "trn"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation", "dev", "eval"), VAL),
    **dict.fromkeys(("test", "testing", "testdev"), TEST),
    **{word: word for word in ("trainval", "minival")},
}
"""The split that each word means, in lower case."""

_NO_SPLIT = ("", "default")  # the second is CVAT's word for images that were put in no split
_LETTERS = re.compile(r"[^\W\d_]+")


@lru_cache(maxsize=4096)  # readers ask for the folder of each image, recipes for the split
def known_split(name: str) -> str:
    """The split that `name` has a word for, "" where it has none."""
    parts = [part.lower() for part in _LETTERS.findall(name)]  # lower case of one letter may be a letter and a mark
    for at in reversed(range(len(parts))):
        if parts[at] in WORDS:
            return WORDS.get("".join(parts[max(at - 1, 0) : at + 1]), WORDS[parts[at]])
    return ""


@lru_cache(maxsize=4096)
def is_word(name: str) -> bool:
    """Whether `name` is a word for a split and nothing else, but for case, numbers and punctuation."""
    return "".join(_LETTERS.findall(name)).lower() in WORDS


def split_of(name: str) -> str:
    """The split of a document, list or key called `name`: `name` itself where it has no word; train for ""."""
    return known_split(name) or (TRAIN if name.lower() in _NO_SPLIT else name)


def splits_of(names: Iterable[str]) -> dict[str, str]:
    """The split of each of `names`, which are all names of splits in a source."""
    distinct = tuple(dict.fromkeys(names))
    if len(distinct) == 1:
        return {distinct[0]: known_split(distinct[0]) or TRAIN}
    return {name: split_of(name) for name in distinct}


def name_prefixes(names: Iterable[str]) -> dict[str, str]:
    """The prefix of image names, by the name of their document: ``name/`` where several of `names` are documents of the
    same split, so that their images stay apart, else "".
    """
    splits = {name: split_of(name) for name in names}
    documents = Counter(splits.values())
    return {name: f"{name}/" if documents[split] > 1 else "" for name, split in splits.items()}


def is_training(split: str) -> bool:
    """Whether `split` is the training split, whose images are augmented."""
    return known_split(split) == TRAIN


def order(split: str) -> tuple[int, str]:
    """The key that sorts splits: train, val, test, then others by name."""
    return (USUAL.index(split) if split in USUAL else len(USUAL)), split


class SplitFolders(msgspec.Struct, frozen=True):
    """Finds the folder of a path that names its split.

    `layout` has names of folders of images or labels, in lower case, which name no split. `homes` are the places in
    the layout where a source has folders of training images. `source` is the split of images that no folder names.
    """

    layout: frozenset[str]
    homes: frozenset[tuple[str, ...]] = frozenset()
    source: str = TRAIN

    def of(self, name: str, paths: Iterable[tuple[Sequence[str], Iterable[int]]]) -> SplitFolders:
        """These rules for a source called `name` with images in `paths`: for each the folders of the path, and the
        indices of those that may name the split.
        """
        words = ((folders, at) for folders, places in paths for at in places if is_word(folders[at]))
        homes = {self._home(folders, at) for folders, at in words if is_training(folders[at])}
        return SplitFolders(self.layout, frozenset(homes), known_split(name) if is_word(name) else TRAIN)

    def find(self, folders: Sequence[str], places: Iterable[int]) -> int | None:
        """The index of the folder that names the split, one of `places` in `folders`, or None: the first that is a word
        alone, else the first beside training images, else the first that has a word in it.
        """
        able = [at for at in places if folders[at].lower() not in self.layout]
        alone = (at for at in able if is_word(folders[at]))
        beside = (at for at in able if self._home(folders, at) in self.homes)
        of_several_words = (at for at in able if known_split(folders[at]))
        return next(chain(alone, beside, of_several_words), None)

    def split(self, folders: Sequence[str], at: int | None) -> str:
        """The split of images in `folders`; the folder at `at` names it, None if none does."""
        return self.source if at is None else split_of(folders[at])

    def _home(self, folders: Sequence[str], at: int) -> tuple[str, ...]:
        """The place in the layout of the folder at `at`: the folders above it, and whether a layout folder follows."""
        parts = ["*" if folder.lower() in self.layout else folder for folder in folders]
        return (*parts[:at], "", *(part for part in parts[at + 1 : at + 2] if part == "*"))

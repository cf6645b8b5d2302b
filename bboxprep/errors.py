"""The exceptions of this package. It raises no others, for any input.

::

    BboxprepError
    ├─ UsageError (also a ValueError)   the caller asked for what cannot be done
    │  ├─ WrongTypeError (a TypeError)  an argument is of a type that is not accepted
    │  ├─ NothingLeftError              the filters leave no image
    │  └─ MissingPackageError           a package that is not needed by all is not installed
    ├─ SourceError                      the input cannot be used
    │  ├─ LayoutError                   no dataset of that format here, or several formats fit
    │  ├─ AnnotationError               an annotation file or record is malformed
    │  ├─ ImageError                    an image is missing or cannot be decoded
    │  │  └─ RefusedImageError          an image of a kind that needs a decision first
    │  └─ FrameError                    the frame of the labels cannot be decided
    ├─ PlanError                        the recipe cannot be applied to an image of this size
    ├─ LossError                        the target cannot hold data of the source, and loss was not allowed
    ├─ TargetError                      the output cannot be written where it was asked for
    ├─ StorageError                     a bucket or an archive cannot be used: refused, cut off, no credentials
    ├─ WorkerError                      a block of images kills every process that takes it
    ├─ StoppedError                     the run was asked to stop, and has stopped cleanly
    └─ InternalError                    a bug of this package, not a fault of the caller
"""

from __future__ import annotations

from pathlib import PurePath


class BboxprepError(Exception):
    """The base class of all exceptions that this package raises."""


class UsageError(BboxprepError, ValueError):
    """The caller asked for what cannot be done."""


class WrongTypeError(UsageError, TypeError):
    """An argument is of a type that is not accepted; the message says which are."""


class MissingPackageError(UsageError):
    """A package that is not needed by all is not installed."""


class SourceError(BboxprepError):
    """The input cannot be used: ``PATH: WHERE: problem``.

    `path` is the file or folder, `where` the place inside it (``annotations[17].bbox``, ``line 3``; empty for the
    whole file) and `problem` states what was found and what is wanted.
    """

    def __init__(self, path: PurePath | str, where: str, problem: str) -> None:
        super().__init__(path, where, problem)
        self.path = path
        self.where = where
        self.problem = problem

    @property
    def by_system(self) -> bool:
        """Whether the system failed to read a file that is there, as a network disk may: that says nothing about its
        bytes.
        """
        cause = self.__cause__
        return isinstance(cause, OSError) and cause.errno is not None and not isinstance(cause, FileNotFoundError)

    def __str__(self) -> str:
        return ": ".join(part for part in (str(self.path), self.where, self.problem) if part)


class LayoutError(SourceError):
    """No dataset of the wanted format lies here, or more than one format fits."""


class AnnotationError(SourceError):
    """An annotation file, or one record of it, is malformed."""


class ImageError(SourceError):
    """An image is missing or cannot be decoded."""


class RefusedImageError(ImageError):
    """An image of a kind that needs a decision of the caller first: 16 bits, several images in one file."""


class FrameError(SourceError):
    """Nothing settles, or contradictions unsettle, which plane the labels were drawn in."""


class PlanError(BboxprepError):
    """The recipe cannot be done on an image of this size."""


class LossError(BboxprepError):
    """The target format cannot hold what the source has, and loss was not allowed."""


class StorageError(BboxprepError):
    """A bucket or an archive cannot be used: refused, out of reach, no credentials, not what it is named."""


class NothingLeftError(UsageError):
    """The filters leave no image to write."""


class TargetError(BboxprepError):
    """The output cannot be written where it was asked for."""


class WorkerError(BboxprepError):
    """A block of images kills every process that takes it."""


class StoppedError(BboxprepError):
    """The run was asked to stop and did so in good order; what is done stays."""


class InternalError(BboxprepError):
    """A promise of this package is broken: its accounts do not balance."""


class BboxprepWarning(UserWarning):
    """The base class of all warnings of this package."""


class DecoderWarning(BboxprepWarning):
    """A decoder complains of an image that it can decode all the same."""


class LeftOverWarning(BboxprepWarning):
    """An output was replaced, and the old one could not be removed."""


class FormatWarning(BboxprepWarning):
    """A format that another distribution brings cannot be used; it is left out."""

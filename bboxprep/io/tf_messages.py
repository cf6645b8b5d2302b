"""The messages of TensorFlow that detection data are stored in, without TensorFlow: ``Example`` and the label map.

The package protobuf parses and writes them; their descriptors are made here, in a pool of their own, so that they do
not collide with those of an installed TensorFlow. ``pip install 'bboxprep[tfrecord]'`` brings it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from bboxprep.errors import MissingPackageError

EXTRA = "pip install 'bboxprep[tfrecord]' brings it"

Values = Sequence[bytes] | Sequence[float] | Sequence[int]
"""The values of a feature: all bytes, all float32, or all int64."""

_PACKAGE = "tensorflow"
_SERIES = 2  # the field of a SequenceExample that an Example does not have
_REPEATED = {"BytesList": "bytes", "FloatList": "float", "Int64List": "int64"}
_KINDS: Mapping[type, str] = {bytes: "bytes_list", float: "float_list", int: "int64_list"}
_FIELDS: Mapping[str, Mapping[str, tuple[int, str]]] = {  # the number and the type of each other field
    "Feature": {"bytes_list": (1, "BytesList"), "float_list": (2, "FloatList"), "int64_list": (3, "Int64List")},
    "Example": {"features": (1, "Features")},
    "Keypoint": {"id": (1, "int32"), "label": (2, "string")},
    "Item": {"name": (1, "string"), "id": (2, "int32"), "display_name": (3, "string"), "keypoints": (5, "*Keypoint")},
    "LabelMap": {"item": (1, "*Item")},
}


class LabelMapItem(NamedTuple):
    """One class of a label map."""

    name: str
    id: int
    display_name: str = ""
    keypoints: tuple[str, ...] = ()


class BadMessageError(ValueError):
    """Bytes or text that are not the message that is wanted."""


def parse_example(data: bytes) -> dict[str, Values]:
    """The features of a serialized ``Example``. Raises `BadMessageError`, also for a ``SequenceExample``."""
    from google.protobuf.message import DecodeError
    from google.protobuf.unknown_fields import UnknownFieldSet

    message = _message("Example")()
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise BadMessageError(f"not an Example of TensorFlow ({error})") from error
    if any(field.field_number == _SERIES for field in UnknownFieldSet(message)):
        raise BadMessageError("a SequenceExample of TensorFlow, which is not read; want an Example")
    return {name: _values(feature) for name, feature in message.features.feature.items()}


def write_example(features: Mapping[str, Values]) -> bytes:
    """The serialized ``Example`` of `features`: equal features give equal bytes. Raises `BadMessageError`."""
    message = _message("Example")()
    try:
        for name, values in features.items():
            feature = message.features.feature[name]
            if len(values):  # an empty list of another kind than a reader wants is an error of TensorFlow's
                getattr(feature, _KINDS[type(values[0])]).value.extend(values)
    except ValueError as error:  # half a surrogate pair, a number beyond int64
        raise BadMessageError(f"cannot be written as an Example of TensorFlow ({error})") from error
    data: bytes = message.SerializeToString(deterministic=True)
    return data


def parse_label_map(text: str) -> list[LabelMapItem]:
    """The items of a label map in protobuf's text format, in its order. Raises `BadMessageError`."""
    text_format = _text_format()
    message = _message("LabelMap")()
    try:
        text_format.Parse(text, message, allow_unknown_field=True)
    except (text_format.ParseError, RecursionError, ValueError) as error:
        raise BadMessageError(f"not a label map ({str(error).partition(chr(10))[0]})") from error
    return [
        LabelMapItem(one.name, one.id, one.display_name, tuple(point.label for point in one.keypoints))
        for one in message.item
    ]


def write_label_map(items: Sequence[LabelMapItem]) -> str:
    """The label map of `items`, in protobuf's text format."""
    message = _message("LabelMap")()
    for item in items:
        own = message.item.add(name=item.name, id=item.id)
        for number, label in enumerate(item.keypoints):
            own.keypoints.add(id=number, label=label)
    text: str = _text_format().MessageToString(message, as_utf8=True)
    return text


def require_protobuf() -> None:
    """Raise `MissingPackageError` where protobuf is not installed."""
    _message("Example")


def _values(feature: Any) -> Values:
    kind = feature.WhichOneof("kind")
    return [] if kind is None else list(getattr(feature, kind).value)


def _text_format() -> Any:
    require_protobuf()
    from google.protobuf import text_format

    return text_format


@cache
def _message(name: str) -> Any:
    """The class of the message called `name`. Raises `MissingPackageError`."""
    try:
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    except ImportError as error:
        raise MissingPackageError(f"tfrecord: protobuf is not installed; {EXTRA}") from error
    pool = descriptor_pool.DescriptorPool()
    pool.Add(_file(descriptor_pb2))
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


def _file(kinds: Any) -> Any:
    """The descriptor of all messages; `kinds` is the module of descriptors."""
    file = kinds.FileDescriptorProto(name="bboxprep/tensorflow.proto", package=_PACKAGE, syntax="proto3")
    for name, kind in _REPEATED.items():
        _add_field(kinds, file.message_type.add(name=name), "value", 1, f"*{kind}")
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    _add_field(kinds, entry, "key", 1, "string")
    _add_field(kinds, entry, "value", 2, "Feature")
    _add_field(kinds, features, "feature", 1, "*Features.FeatureEntry")
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            _add_field(kinds, message, field, number, kind)
        if name == "Feature":
            message.oneof_decl.add(name="kind")
            for field in message.field:
                field.oneof_index = 0
    return file


def _add_field(kinds: Any, message: Any, name: str, number: int, kind: str) -> None:
    """Add the field `name` to a message: of `kind`, which begins with a star where it is repeated."""
    field, one = kinds.FieldDescriptorProto, kind.removeprefix("*")
    label = field.LABEL_REPEATED if one != kind else field.LABEL_OPTIONAL
    made = message.field.add(name=name, number=number, label=label)
    if one[0].isupper():
        made.type, made.type_name = field.TYPE_MESSAGE, f".{_PACKAGE}.{one}"
    else:
        made.type = getattr(field, f"TYPE_{one.upper()}")

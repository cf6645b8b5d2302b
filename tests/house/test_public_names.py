"""The names that users may rely on. A change here is a change of the public face and belongs into CHANGELOG.md."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import bboxprep

PUBLIC = [
    *("Affine", "Albumentations", "Augment", "AutoContrast", "BboxprepError", "Blur", "CameraGain", "Clahe"),
    *("ClassPolicy", "Condition", "Contrast", "ContrastStretch", "CopyPaste", "Crop", "Cutout"),
    *(
        "Dataset",
        "Equalize",
        "Exposure",
        "Fill",
        "Filters",
        "Finding",
        "Fit",
        "Flip",
        "Grayscale",
        "Hue",
        "ImagePolicy",
        "Instances",
        "Isolate",
    ),
    *("Letterbox", "Mixup", "Mosaic", "MotionBlur", "Multiple", "Noise", "ObjectPolicy", "RandomCrop", "Recipe"),
    *("Resize", "Rotate", "SaltPepper", "Sample"),
    *(
        "Saturation",
        "Scale",
        "Shear",
        "Size",
        "SizeLimit",
        "SplitPolicy",
        "Tile",
        "Translate",
        "__version__",
        "convert",
        "open_run",
        "preview",
    ),
    *("read", "read_recipe", "unmap", "verify", "write"),
]


def test_the_public_names_are_these() -> None:
    assert bboxprep.__all__ == PUBLIC
    assert all(getattr(bboxprep, name) is not None for name in PUBLIC)


def test_help_imports_nothing_heavy() -> None:
    heavy = "{'albumentations', 'cv2', 'scipy', 'PIL', 'pycocotools', 'numpy', 'rich'}"
    code = (
        f"import sys, bboxprep.cli\ntry: bboxprep.cli.commands(['--help'])\nexcept SystemExit: pass\n"
        f"assert not {heavy} & set(sys.modules), {heavy} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_listing_formats_imports_no_reader() -> None:
    heavy = "{'albumentations', 'cv2', 'scipy', 'PIL', 'pycocotools', 'yaml', 'defusedxml'}"
    code = (
        f"import sys, bboxprep.cli\ntry: bboxprep.cli.commands(['formats'])\nexcept SystemExit: pass\n"
        f"assert not {heavy} & set(sys.modules), {heavy} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_a_dataset_offers_these_names() -> None:
    ds = bboxprep.read(Path(__file__).parents[2] / "fixtures" / "phone-photos-yolo")
    assert [name for name in dir(ds) if not name.startswith("_")] == [
        *("categories", "classes", "filter", "findings", "format", "is_changed", "map", "names", "object_policy"),
        *("reading", "root", "show", "split", "splits", "to_pandas", "to_torch", "transform", "with_classes", "write"),
    ]

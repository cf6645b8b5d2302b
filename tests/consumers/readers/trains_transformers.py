"""transformers: an epoch of object detection on what `datasets` loads, then predictions as a COCO results file.

``ROOT KIND OUT``: the steps of the library's own detection script, with a small model that no one has trained, since
nothing is downloaded. KIND is "parquet" or "webdataset".
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import datasets
import torch
from transformers import Trainer, TrainingArguments, YolosConfig, YolosForObjectDetection, YolosImageProcessor

from tests.consumers.readers.answer import say

SIDE = 64
PROCESSOR = YolosImageProcessor(size={"height": SIDE, "width": SIDE}, do_pad=False)


def loaded(root: Path, kind: str, cache: Path, split: str) -> Any:
    """The rows of a split with the columns image, image_id and objects."""
    if kind == "parquet":
        rows = datasets.load_dataset(str(root), cache_dir=str(cache))
        return rows["validation" if split == "val" else split]
    files = str(root / f"{split}-*.tar")
    rows = datasets.load_dataset("webdataset", data_files=files, split="train", cache_dir=str(cache))
    return rows.map(lambda row: row["json"]).rename_column("jpg", "image")


def prepared(rows: dict[str, list[Any]]) -> dict[str, Any]:
    """A batch of rows as the model takes them."""
    annotations = [
        {
            "image_id": number,
            "annotations": [
                {"image_id": number, "category_id": category, "bbox": box, "area": area, "iscrowd": 0}
                for category, box, area in zip(one["category"], one["bbox"], one["area"], strict=True)
            ],
        }
        for number, one in zip(rows["image_id"], rows["objects"], strict=True)
    ]
    images = [image.convert("RGB") for image in rows["image"]]
    made: dict[str, Any] = PROCESSOR(images=images, annotations=annotations, return_tensors="pt")
    return made


def batch(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "pixel_values": torch.stack([row["pixel_values"] for row in rows]),
        "labels": [row["labels"] for row in rows],
    }


def train(root: Path, kind: str, out: Path) -> dict[str, object]:
    torch.manual_seed(0)
    rows = loaded(root, kind, out / "cache", "train")
    model = YolosForObjectDetection(
        YolosConfig(
            image_size=[SIDE, SIDE], hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
            num_detection_tokens=10, num_labels=3,
        )
    )  # fmt: skip
    settings = TrainingArguments(
        output_dir=str(out / "run"), num_train_epochs=1, per_device_train_batch_size=2, remove_unused_columns=False,
        report_to=[], save_strategy="no", use_cpu=True, dataloader_num_workers=0, disable_tqdm=True,
    )  # fmt: skip
    trainer = Trainer(
        model=model, args=settings, train_dataset=rows.with_transform(prepared), data_collator=batch,
        processing_class=PROCESSOR,
    )  # fmt: skip
    done = trainer.train()
    results = [one for row in loaded(root, kind, out / "cache", "val") for one in predicted(model.eval(), row)]
    (out / "results.json").write_text(json.dumps(results), encoding="utf-8")
    return {"loss": done.training_loss, "results": str(out / "results.json"), "predictions": len(results)}


def predicted(model: Any, row: dict[str, Any]) -> list[dict[str, Any]]:
    """The predictions on the image of `row`, with the numbers of its classes."""
    image = row["image"].convert("RGB")
    with torch.no_grad():
        said = model(**PROCESSOR(images=image, return_tensors="pt"))
    sizes = [(image.height, image.width)]
    [found] = PROCESSOR.post_process_object_detection(said, threshold=0.0, target_sizes=sizes)
    return [
        {
            "image_id": row["image_id"],
            "category_id": int(label),
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "score": float(score),
        }
        for label, score, (x0, y0, x1, y1) in zip(
            found["labels"], found["scores"], found["boxes"].tolist(), strict=True
        )
    ]


say(train(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))

"""EXIF and XMP: orientation tags, capture time, what of them an output keeps."""

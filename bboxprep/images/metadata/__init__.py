"""EXIF metadata."""

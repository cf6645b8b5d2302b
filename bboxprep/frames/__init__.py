"""Decides the frame of labels: whether they were drawn on the stored pixels or on the image after EXIF orientation."""

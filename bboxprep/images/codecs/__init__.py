"""Decoding and encoding of image files."""

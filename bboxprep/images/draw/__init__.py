"""Draws annotations on images."""

"""Pixel effects (exposure, hue, blur, noise …) and albumentations pipelines."""

"""Image files: headers and EXIF, decoding and encoding, resampling by a plan, pixel effects, drawing.

The only folder that imports imaging libraries (Pillow, OpenCV). Modules are imported explicitly.
"""

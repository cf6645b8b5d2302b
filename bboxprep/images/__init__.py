"""Files of pixels: their headers, their decoding and encoding, plans executed on them, pictures drawn of them.

The only folder that imports an imaging library (Pillow). Modules are imported explicitly.
"""

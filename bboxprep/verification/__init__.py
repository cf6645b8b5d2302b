"""Is an output true to its source? Three layers of checks, none of which trusts the code that wrote the output.

`arithmetic` derives anew what the recipe does to an image, `matching` tells which object became which, `likeness` says
whether two patches show the same thing; `structural`, `geometric` and `pixel` are the layers, `consistency` judges a
dataset that is not ours, `proof` puts all of it together.
"""

"""Recipes: the preprocessing and augmentation steps of the user as values. A recipe turns image sizes into plans."""

"""Which plane labels were drawn in: the pixels as the file stores them, or as a viewer shows them."""

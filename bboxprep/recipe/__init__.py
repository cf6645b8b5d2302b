"""What the user asks for, as values: given the size of a picture, a recipe says the steps of its plan."""

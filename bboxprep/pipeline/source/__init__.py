"""A source on its way in: opened, surveyed, merged with others, split anew, inspected."""

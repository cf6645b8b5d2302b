"""Combines reading, planning, executing and writing; has no arithmetic and no parsing of its own."""

"""Bytes to pixels and back, by container; no plan is known here."""

"""The data model: datasets, samples, objects, class tables, checks of values. It reads no file and decodes no pixel."""

"""The data model: datasets, samples, objects, class tables, checks of values. It reads no files and decodes no pixels."""

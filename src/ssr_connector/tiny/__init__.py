"""The embedded default: a small world of text, voices, tests and base models, made from a seed."""

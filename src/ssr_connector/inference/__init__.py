"""Inference: text from recordings."""

"""Evaluation: scores from audio alone, each with its number of items and an interval."""

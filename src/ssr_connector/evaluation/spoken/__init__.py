"""Written benchmarks read out: what is spoken of every question, what cannot be, and by whom."""

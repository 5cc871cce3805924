"""Training: one loop for every stage; objectives say what is computed."""

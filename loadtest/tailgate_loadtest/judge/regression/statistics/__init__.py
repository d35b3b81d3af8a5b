"""What is counted and computed, and knows nothing of routes, objectives or words: arrays in, numbers out."""

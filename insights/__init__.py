"""Numbers in, findings out: pure functions without database, clock or randomness."""

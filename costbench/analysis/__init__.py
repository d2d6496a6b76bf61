"""From stored facts to estimates: pure functions on arrays; randomness and prices are arguments."""

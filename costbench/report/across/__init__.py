"""One run against another: which cells are the same question, what of them may be compared, and how."""

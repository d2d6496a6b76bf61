"""Cost per correct answer of reasoning language models, measured on the same responses."""

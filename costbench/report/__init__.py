"""What a report says (contract, build) and how it looks (table, csv, markdown, plot)."""

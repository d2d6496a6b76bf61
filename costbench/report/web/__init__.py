"""The report as one page for a browser: it asks nothing of a network and works from a mail."""

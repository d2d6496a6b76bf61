"""Reading energy counters while something runs, and cutting windows from the trace afterwards."""

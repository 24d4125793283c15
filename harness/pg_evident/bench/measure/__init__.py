"""How it is measured: rounds, latencies, processors, sizes."""

"""What happened, counted exactly: histograms, their interval log, and the recorder that fills them."""

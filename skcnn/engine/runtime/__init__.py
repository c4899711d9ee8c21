"""What the engine runs on: threads, the BLAS library, bit masks. Nothing here knows of networks."""

"""Years of weekly decisions, simulated: what `bench/gate.py` measures."""

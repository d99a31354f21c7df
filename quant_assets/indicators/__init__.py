"""Technical indicators on arrays: TA-Lib for what it has, own kernels for the rest."""

"""Kernels that share a store and notebooks, stopped and killed, with the command and gc beside them: nothing may be lost."""

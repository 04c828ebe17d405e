"""tdxcheck: the lifecycle of an Intel TDX host as executable, checked rules."""

__version__ = "0.1.0"

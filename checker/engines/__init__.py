"""The engines: each judges a ground system, and knows nothing of TDX."""

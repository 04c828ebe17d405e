"""The TDX module's host lifecycle: one action for each leaf and outcome."""

"""Logs of machines: what kernels print of TDX, as events of the model.

`reading` finds the lines, `forms` and `machine_forms` know them, `timeline` puts them
in order, `verdict` and `designs` judge them, `observed` says which steps of a design
they are the marks of, and `audit` puts it all together.
"""

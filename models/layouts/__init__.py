"""Layouts of TDMRs on real memory maps: as kernels build them, and the best."""

"""The transition systems: the module, the platform, the kernel designs."""

"""The kernel designs, one a file, each stated as what it does unlike a plain kernel."""

"""What is found, for other programs: a module a format, each reading findings.

JSON is not among them: it tells more than findings, and each command has its own.
"""

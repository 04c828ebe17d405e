"""Certificates: proofs in files, which any SMT solver can check.

`checker/certificate_checker.py` checks them, and has nothing from here.
"""

from tdxcheck.checker.certificates.making import Certificate, certify
from tdxcheck.checker.certificates.writing import Subject, script, story

__all__ = ["Certificate", "Subject", "certify", "script", "story"]

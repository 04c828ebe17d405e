"""What is known of the designs: verdicts that are expected, safeguards not needed."""

"""Reports: verdicts and traces for people, and the same for programs."""

"""A side: one state of a specification, in a process that answers in JSON.

`python -m tdxcheck.checker.gate.side CATALOGUE ROOT FOLDER` loads the catalogue
(`module:NAME` or `file.py:NAME`) of the tree at ROOT, with the recorded
counterexamples in FOLDER, and then reads one request a line and answers each with one
line: {"answer": ...} or {"error": "..."}; the first line is the answer to nothing, with
the version of this format and the package that was loaded.

Requests are lists, the name first:

["outline"]
    What there is, with a digest of the meaning of each part (`outline.py`): designs,
    actions, rules, claims, expectations, clauses that are cited, recorded traces.
["ground", DESIGN, [RULE...], OPEN]
    The design on the default machine as a ground system (`tables.py`); OPEN leaves
    out every action and setting, so that the rules stand alone over the vocabulary.
["explain", DESIGN, RULE, STATE, STEP or null]
    Whether the reference interpreter finds the rule true in the state (of a step rule:
    of the step from it), and the part of the rule that is false, in words.
["attempt", DESIGN, STATE, STEP]
    What becomes of the step there: what it changes, or the guard that fails.
["replay", DESIGN, RULE or null, [STATE...], [STEP...]]
    The run, taken again by the reference interpreter: the sentence of each step.
["record", FILE]
    Whether a recorded trace replays, and in how many steps.

A STATE is an object from the names of entries to their numbers (truth values 0 and 1,
members and elements by their place); a STEP is [ACTION, [ARGUMENT...]], numbers too.
"""

VERSION = 1

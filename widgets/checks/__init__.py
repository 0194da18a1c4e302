"""What an exercise checks: one function each, which says what is wrong and where.

A chapter's checks are in the module of its name. Every check prints one line, which
begins with "Right:" or "Not yet:", and raises nothing, so that a notebook with an
unsolved exercise still runs to its end.
"""

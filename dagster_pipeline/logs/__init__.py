"""How log lines are written for machines. What is logged, and when, is not decided here."""

"""What is too long to run in a chapter: measured once, stored, and shown there."""

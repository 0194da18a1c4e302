"""How the book is made: execute, render, check, serve."""

"""The model in the page: a sentence encoder in C and JavaScript, and its builder."""

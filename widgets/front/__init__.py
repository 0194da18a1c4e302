"""What draws: ES modules shared by the widgets, and the function that joins them."""

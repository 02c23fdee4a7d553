"""What is true of orientation: how far one travels, what a question asks, what comes first."""

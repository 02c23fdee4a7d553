"""What is true of a file: what it really is, its name, how a photo is drawn again."""

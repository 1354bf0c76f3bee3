"""What makes and reads the documents; not part of the installed package."""

"""What an export consists of: what a finished audit left, and the files that hold it."""

"""Files that people have, read as rows of prompts and responses: one module a format."""

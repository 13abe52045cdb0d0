"""What an archive consists of: its files, what they must not tell, their description for others."""

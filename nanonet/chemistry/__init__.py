"""Chemistry: from the text of a repeat unit to numbers. The only package that imports RDKit."""

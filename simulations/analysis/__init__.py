"""What a trajectory says: the RDF with its error, and whether the run can be trusted."""

"""Data sets: the simulation store, labelled data, splits by group, and one reader per problem."""

"""What a change does to the rows of models: two versions of each, compared."""
